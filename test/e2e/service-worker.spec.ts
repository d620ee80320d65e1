import { expect } from './support/patient-expect.js';
import { test, told } from './support/service-worker-test.js';

const ITEM = 'aaaaaaaa-0000-4000-8000-000000000001';
const OTHER = 'aaaaaaaa-0000-4000-8000-000000000002';

test('a service worker sends what is pending, changes nothing of the store, and makes none', async ({ shop }) => {
  const { database } = shop;
  const page = await shop.openPage();
  expect(await told(page, 'push({})')).toEqual({ outcome: 'no-store', pendingUnits: 0 });
  // Not so much as an empty one: it would be taken for one that was lost.
  const versions = await told<{ readonly version?: number }[]>(page, 'indexedDB.databases()');
  expect(versions.filter(({ version }) => version !== 0)).toEqual([]);

  for (let version = 1; version <= 40; version++) await told(page, `record('${ITEM}', ${version}, ${version})`);
  const before = await told(page, 'store.recorder.syncProgress()');
  expect(await told(page, 'push({})')).toEqual({ outcome: 'sent', pendingUnits: 40 });
  expect(await database.events()).toHaveLength(40);
  expect(await told(page, 'store.recorder.syncProgress()')).toEqual(before);
  // As often as it likes.
  expect(await told(page, 'push({})')).toEqual({ outcome: 'sent', pendingUnits: 40 });
  expect(await database.events()).toHaveLength(40);

  // A tab that synchronises is not disturbed.
  await told(page, 'startSyncing()');
  await expect.poll(() => told(page, 'syncStatus()')).toMatchObject({ state: 'live', pending: 0 });
  expect(await told(page, 'push({})')).toEqual({ outcome: 'busy', pendingUnits: 0 });
  await told(page, 'sync.close()');
  expect(await told(page, 'push({})')).toEqual({ outcome: 'sent', pendingUnits: 0 });
  expect(await database.events()).toHaveLength(40);
});

test('what another device was first with, and what builds on it, is left to a page', async ({ shop, browser }) => {
  const { database } = shop;
  const elsewhere = await browser.newContext();
  const theirs = await shop.openPage(elsewhere);
  await told(theirs, `record('${ITEM}', 1, 100)`);
  expect(await told(theirs, 'push({})')).toMatchObject({ outcome: 'sent' });
  await elsewhere.close();

  const page = await shop.openPage();
  await told(page, `record('${OTHER}', 1, 1)`);
  await told(page, `record('${ITEM}', 1, 2)`);
  await told(page, `record('${ITEM}', 2, 3)`);
  expect(await told(page, 'push({})')).toEqual({ outcome: 'page-needed', pendingUnits: 3 });
  expect((await database.events()).map(({ data }) => data.quantity)).toEqual([100, 1]);
  expect(await told(page, 'store.recorder.syncProgress()')).toMatchObject({ pendingUnits: 3, setAsideUnits: 0 });
  await told(page, 'startSyncing()');
  await expect.poll(() => told(page, 'syncStatus()')).toMatchObject({ state: 'live', pending: 0, setAside: 2 });
});

test('a store is sent for whose it is, once a page has said so', async ({ shop }) => {
  const { database } = shop;
  const page = await shop.openPage();
  await told(page, `record('${ITEM}', 1, 1)`);
  expect(await told(page, "push({ subject: 'ann' })")).toEqual({ outcome: 'page-needed', pendingUnits: 1 });
  expect(await database.events()).toEqual([]);
  await told(page, "startSyncing({ subject: 'ann' })");
  await expect.poll(() => told(page, 'syncStatus()')).toMatchObject({ state: 'live', pending: 0 });
  await told(page, 'sync.close()');
  await told(page, `record('${ITEM}', 2, 2)`);
  expect(await told(page, "push({ subject: 'bob' })")).toMatchObject({ code: 'SUBJECT_MISMATCH' });
  expect(await database.events()).toHaveLength(1);
  expect(await told(page, "push({ subject: 'ann' })")).toEqual({ outcome: 'sent', pendingUnits: 1 });
  expect(await database.events()).toHaveLength(2);
});

test('without an answer the event fails, so that the browser tries again', async ({ shop }) => {
  const page = await shop.openPage();
  await told(page, `record('${ITEM}', 1, 1)`);
  expect(await told(page, 'push({ getToken: undefined })')).toMatchObject({ code: 'UNAUTHORIZED' });
  await shop.host.close();
  expect(await told(page, 'push({})')).toMatchObject({ code: 'UNAVAILABLE' });
});

test('a page that comes while a service worker sends has its turn within a moment', async ({ shop }) => {
  const { database } = shop;
  const page = await shop.openPage();
  await told(page, `record('${ITEM}', 1, 1)`);
  const hold = await database.holdTable();
  const pushing = told(page, 'push({})');
  await database.waitForHeldWriter();
  await told(page, 'startSyncing()');
  // It hangs; the tab hears nothing of it, and takes the turn.
  expect(await pushing).toEqual({ outcome: 'busy', pendingUnits: 0 });
  await hold.release();
  await expect.poll(() => told(page, 'syncStatus()')).toMatchObject({ state: 'live', pending: 0, setAside: 0 });
  expect(await database.events()).toHaveLength(1);
});
