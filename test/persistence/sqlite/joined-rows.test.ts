import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../../../src/persistence/recorder.js';
import { ROWS_APART, ROWS_JOINED_MAX } from '../../../src/persistence/sqlite/joined-rows.js';
import type { SqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { SqliteAggregateTable } from '../../../src/persistence/sqlite/sqlite-aggregate-table.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { Notification, StoredEvent } from '../../../src/persistence/stored-event.js';

const AGGREGATES = ['00000000-0000-0000-0000-000000000001', '7e57ab1e-0000-4000-8000-00000000ff00'];
// More than are read apart and joined at once, of each aggregate.
const EVENTS = 2 * (ROWS_APART + 2 * ROWS_JOINED_MAX) + 7;
// Zeros, bytes that are no UTF-8, no bytes at all, and more bytes than are joined.
const STATES = [[], [0], [0, 0, 65], [0xff, 0xfe, 0x80], [0xc3], [0xef, 0xbb, 0xbf], [34, 92, 10]];
const TOPICS = ['a', 'two words', '"quoted", \\ and\nmore', 'жåé😀', "it's"];
const LARGE_STATE_BYTES = [4_095, 4_096, 4_097, 20_000];

function eventAt(index: number): StoredEvent {
  const largeBytes = index % 50 === 0 ? LARGE_STATE_BYTES[(index / 50) % LARGE_STATE_BYTES.length] : undefined;
  return {
    originatorId: AGGREGATES[index % 3 === 0 ? 0 : 1] as string,
    originatorVersion: index * 3,
    topic: TOPICS[index % TOPICS.length] as string,
    state:
      largeBytes === undefined
        ? Uint8Array.from([...(STATES[index % STATES.length] as readonly number[]), index % 256])
        : new Uint8Array(largeBytes).fill(index % 256),
  };
}

/** The same rows twice: read as joined values, and one by one. */
async function openBoth(): Promise<{ joined: SqliteReplica; apart: SqliteReplica; sequences: SqliteAggregateTable }> {
  const database = await openSqlJs();
  const joined = new SqliteReplica(database);
  joined.createTables();
  const sequences = new SqliteAggregateTable(database, 'sequences');
  sequences.createTable();
  const events = Array.from({ length: EVENTS }, (_, index) => eventAt(index));
  // A gap in the ids.
  joined.apply([{ events: events.slice(0, 10), firstNotificationId: 1, tracking: undefined }]);
  joined.apply([{ events: events.slice(10), firstNotificationId: 100, tracking: undefined }]);
  sequences.insertEvents(events);
  const plain: SqliteDatabase = {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => database.prepare(sql),
    close: () => database.close(),
  };
  return { joined, apart: new SqliteReplica(plain), sequences };
}

const { joined, apart, sequences } = await openBoth();
const place = fc.integer({ min: -3, max: EVENTS * 3 + 200 });
const limit = fc.constantFrom(
  0,
  1,
  ROWS_APART - 1,
  ROWS_APART,
  ROWS_APART + 1,
  500,
  ROWS_APART + ROWS_JOINED_MAX,
  9_999,
);

function bytesOf(events: readonly StoredEvent[]): unknown {
  // Views into one buffer and buffers of their own are equal when their bytes are.
  return events.map(({ state, ...rest }) => ({ ...rest, state: Buffer.from(state).toString('hex') }));
}

test('an aggregate is the same, read as joined values or row by row', () => {
  const options = fc.record(
    { gt: place, lte: place, desc: fc.boolean(), limit },
    { requiredKeys: [] },
  ) as fc.Arbitrary<SelectEventsOptions>;
  fc.assert(
    fc.property(fc.constantFrom(...AGGREGATES), options, (originatorId, selected) => {
      const expected = bytesOf(apart.selectEvents(originatorId, selected));
      expect(bytesOf(joined.selectEvents(originatorId, selected))).toEqual(expected);
      expect(bytesOf(sequences.selectEvents(originatorId, selected))).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test('notifications are the same, read as joined values or row by row', () => {
  const topics = fc.subarray([...TOPICS, 'unknown']);
  const options = fc.record(
    { start: place, limit, stop: place, topics },
    { requiredKeys: ['start', 'limit'] },
  ) as fc.Arbitrary<SelectNotificationsOptions>;
  fc.assert(
    fc.property(options, (selected) => {
      const expected: Notification[] = apart.selectNotifications(selected);
      expect(bytesOf(joined.selectNotifications(selected))).toEqual(bytesOf(expected));
    }),
    { numRuns: 60 },
  );
});

test('whole tables are the same', () => {
  for (const originatorId of AGGREGATES) {
    const all = apart.selectEvents(originatorId, {});
    expect(all.length).toBeGreaterThan(ROWS_APART + 1);
    expect(bytesOf(joined.selectEvents(originatorId, {}))).toEqual(bytesOf(all));
  }
  const all = apart.selectNotifications({ start: 1, limit: EVENTS });
  expect(all).toHaveLength(EVENTS);
  expect(bytesOf(joined.selectNotifications({ start: 1, limit: EVENTS }))).toEqual(bytesOf(all));
});
