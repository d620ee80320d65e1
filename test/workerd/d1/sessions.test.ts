/** Which state of the database is read. Locally there is one copy: what is asked of D1 is looked at, and what bookmarks say. */
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { D1ProcessRecorder } from '../../../src/persistence/d1/d1-recorder.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { brokenD1 } from '../support/broken-d1.js';
import { newTables, openEmptyD1 } from '../support/d1-context.js';

test('reads begin at the primary, or where the caller says, and one session has all that a recorder does', async () => {
  const tables = newTables();
  await openEmptyD1(tables);
  const database = brokenD1(env.D1);
  for (const session of [undefined, 'first-unconstrained', '00000000-00000010-00000000-0']) {
    const recorder = new D1ProcessRecorder(database, { ...tables, ...(session === undefined ? {} : { session }) });
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await recorder.selectNotifications({ start: 1, limit: 1 });
    await recorder.maxTrackingId('up');
  }
  expect(database.sessions).toEqual(['first-primary', 'first-unconstrained', '00000000-00000010-00000000-0']);
});

test('a bookmark goes from one request to the next, and moves on by what is recorded', async () => {
  const tables = newTables();
  await openEmptyD1(tables);
  const first = new D1ProcessRecorder(env.D1, tables);
  expect(first.bookmark).toBeUndefined();
  await first.maxNotificationId();
  const before = first.bookmark as string;
  await first.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  const after = first.bookmark as string;
  // They are in the order of their texts.
  expect(after > before).toBe(true);
  const next = new D1ProcessRecorder(env.D1, { ...tables, session: after });
  expect(next.bookmark).toBe(after);
  expect(await next.maxNotificationId()).toBe(1);
  expect((next.bookmark ?? '') >= after).toBe(true);
});

test('what was refused is not lost from the bookmark', async () => {
  const recorder = await openEmptyD1();
  const event = sampleEvent(newOriginatorId(), 1);
  await recorder.insertEvents([event]);
  const { bookmark } = recorder;
  await expect(recorder.insertEvents([event])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
  expect((recorder.bookmark ?? '') >= (bookmark ?? 'none')).toBe(true);
});

test('tables of others are refused, and those that are there are left as they are', async () => {
  const { eventsTable } = newTables();
  const recorder = new D1ProcessRecorder(env.D1, { ...newTables(), eventsTable });
  await recorder.batch([{ text: `CREATE TABLE ${eventsTable} (id INTEGER PRIMARY KEY)`, values: [] }]);
  await expect(recorder.createTable()).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    details: { table: eventsTable },
  });
  const own = await openEmptyD1();
  await own.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  await own.createTable();
  expect(await own.maxNotificationId()).toBe(1);
});
