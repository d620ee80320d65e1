import { expect, test } from 'vitest';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';

// More than two statements of many rows, and some rows beside them.
const EVENTS = 75;

test.each([0, 31, 32, 40, 74])('of many events, the one whose position is taken is named: %i', async (index) => {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const id = newOriginatorId();
  const events = sampleEvents(id, 1, EVENTS);
  const { originatorVersion } = events[index] ?? expect.unreachable();
  await recorder.insertEvents([sampleEvent(id, originatorVersion)]);
  await expect(recorder.insertEvents(events)).rejects.toMatchObject({
    code: 'INTEGRITY_ERROR',
    details: { originatorId: id, originatorVersion },
  });
  expect(await recorder.selectEvents(id)).toHaveLength(1);
  expect(await recorder.maxNotificationId()).toBe(1);
  database.close();
});

test('commits are applied as they are, whether their rows go in together or not', async () => {
  const database = await openSqlJs();
  const replica = new SqliteReplica(database);
  replica.createTables();
  const id = newOriginatorId();
  const events = sampleEvents(id, 1, EVENTS);
  const commitAt = (
    first: number,
    count: number,
    notificationId?: number,
  ): Parameters<typeof replica.apply>[0][number] => ({
    events: events.slice(first, first + count),
    firstNotificationId: first + 1,
    tracking: notificationId === undefined ? undefined : { applicationName: 'upstream', notificationId },
  });
  replica.apply([
    commitAt(0, 1),
    commitAt(1, 40),
    commitAt(41, 2, 5),
    commitAt(43, 30),
    { ...commitAt(0, 0, 9) },
    commitAt(73, 2),
  ]);
  const notifications = replica.selectNotifications({ start: 1, limit: 1_000 });
  expect(notifications).toEqual(events.map((event, index) => ({ id: index + 1, ...event })));
  expect(replica.maxTrackingId('upstream')).toBe(9);
  // A gap in the ids.
  replica.apply([commitAt(75, 0), { ...commitAt(0, 0), events: [sampleEvent(id, 1_000)], firstNotificationId: 200 }]);
  expect(replica.maxNotificationId()).toBe(200);
  database.close();
});

test.each([
  ['set back', 'UPDATE sqlite_sequence SET seq = 1'],
  ['forgotten', 'DELETE FROM sqlite_sequence'],
])('an id is above all that are stored, also when the counter was %s', async (_what, sql) => {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const id = newOriginatorId();
  await recorder.insertEvents(sampleEvents(id, 1, 5));
  // A gap, into which an id would fit.
  database.exec('DELETE FROM stored_events WHERE notification_id IN (2, 3)');
  database.exec(sql);
  expect(await recorder.insertEvents([sampleEvent(id, 6)])).toEqual([6]);
  database.close();
});
