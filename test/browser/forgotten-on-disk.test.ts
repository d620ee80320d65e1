/** After somebody was forgotten, nothing of them is in what this browser stores: every record, chunk and file is looked at. */
import { Application, forgetSubject, subjectForgetting } from 'daybook/application';
import type { Daybook } from 'daybook';
import { expect, onTestFinished, test, vi } from 'vitest';
import { customer } from '../../examples/encryption/customer.js';
import { openKeeper } from '../../examples/encryption/keeper-of-keys.js';
import { openCustomers } from '../../examples/encryption/keys-on-a-device.js';
import { newStoreName, openStore, rawJournal } from './open-store.js';
import { placesOf } from './origin-bytes.js';

/** Firefox's own requests have no stream of their body. */
function asServersSeeIt(request: Request, body: BodyInit | null | undefined): Request {
  return Object.defineProperty(request, 'body', { value: new Response(body).body });
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Synchronises once, so that there are files beside the store. */
const withFiles = async (daybook: Daybook): Promise<Daybook> => {
  await daybook.recorder.syncProgress();
  await expect.poll(async () => (await daybook.storage.report()).rescue.state).toBe('on');
  return daybook;
};

test('who was forgotten is in no record, no image and no file any more, nor is their key; all others are', async () => {
  const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
  const [anna, ben] = ids as [string, string];
  const names = new Map<string, string>(ids.map((id) => [id, `Name-${id.toUpperCase()}`]));
  const name = (id: string): string => names.get(id) ?? '';
  const stores = { events: newStoreName(), keys: newStoreName() };
  const all = Object.values(stores);
  const keeper = await openKeeper((await openStore(newStoreName())).recorder, new Map([['Bearer a', new Set(ids)]]));
  const daybook = await withFiles(await openStore(stores.events));
  const neighbour = await withFiles(await openStore(stores.events));
  const keyStore = await openStore(stores.keys);
  const closing = new AbortController();
  const { app, local, runner } = await openCustomers(
    daybook,
    keyStore,
    {
      ...{ url: 'https://keys.test/', getToken: () => 'a' },
      fetch: async (input, init) => await keeper.answerDevice(asServersSeeIt(new Request(input, init), init?.body)),
    },
    closing.signal,
  );
  onTestFinished(async () => {
    closing.abort();
    await runner.close();
  });
  for (const customerId of ids) {
    const data = { customerId, name: name(customerId), city: 'Ulm' };
    await app.execute(customer, customerId, { type: 'Register', data });
  }
  await runner.waitFor(await daybook.recorder.maxNotificationId());
  const { key } = await local.keyFor(anna);
  // What is looked for is found where it is: in the records, and after a checkpoint in an image.
  expect((await placesOf(bytesOf(name(anna)), all)).join()).toContain(`${stores.events}/journal/`);
  expect((await placesOf(key, all)).join()).toContain(`${stores.keys}/journal/`);
  await daybook.storage.eraseDeleted();
  expect((await placesOf(bytesOf(name(anna)), all)).join()).toContain(`${stores.events}/chunks/`);
  expect((await placesOf(bytesOf(anna), all)).join()).toContain('daybook-rescue');

  await forgetSubject(app, keeper.keys, anna);
  await vi.waitUntil(async () => (await keeper.keys.toFollow()).length > 0);
  await vi.waitUntil(
    async () =>
      (await daybook.recorder.query("SELECT 1 FROM customer_list WHERE name = '(forgotten)'")).rows.length > 0,
    { timeout: 60_000 },
  );
  await vi.waitUntil(async () => (await local.toFollow()).length === 0, { timeout: 60_000 });
  expect(await placesOf(bytesOf(name(anna)), all)).toEqual([]);
  expect(await placesOf(key, all)).toEqual([]);
  expect(await placesOf(bytesOf(name(ben)), all)).not.toEqual([]);
  // Nor does another tab bring it back, which had it in memory.
  await neighbour.storage.eraseDeleted();
  expect(await placesOf(bytesOf(name(anna)), all)).toEqual([]);
  const [events, ofNeighbour] = await Promise.all(
    [daybook, neighbour].map(({ recorder }) => recorder.selectNotifications({ start: 1, limit: 100 })),
  );
  expect(events).toHaveLength(41);
  expect(ofNeighbour).toEqual(events);
}, 120_000);

test('a store that was erased is the same store when it is opened again, and goes on', async () => {
  const name = newStoreName();
  const first = await openStore(name);
  const app = (daybook: Daybook): Application =>
    new Application({ recorder: daybook.recorder, aggregates: [subjectForgetting] });
  const record = async (daybook: Daybook): Promise<unknown> =>
    await app(daybook).execute(subjectForgetting, crypto.randomUUID(), {
      type: 'DestroyKeys',
      data: { keyIds: ['k'] },
    });
  // Of an empty store there is something to keep as well.
  await first.storage.eraseDeleted();
  await record(first);
  await Promise.all([first.storage.eraseDeleted(), record(first), first.storage.eraseDeleted()]);
  const before = await first.recorder.selectNotifications({ start: 1, limit: 10 });
  expect(before).toHaveLength(2);
  await first.close();
  const second = await openStore(name);
  expect(second.replicaId).toBe(first.replicaId);
  expect(await second.recorder.selectNotifications({ start: 1, limit: 10 })).toEqual(before);
  await record(second);
  expect(await second.recorder.maxNotificationId()).toBe(3);
  expect(await rawJournal(name, 'readonly', (journal) => journal.count())).toBeLessThan(4);
  await second.close();
  await expect(second.storage.eraseDeleted()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
});
