import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  PostgresProcessRecorder,
} from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

let postgres: PostgresFixture;
let roundTrips: string[] = [];
let announcements: string[] = [];

/** Counts messages to the server: each is a round trip that is waited for. Announcements are counted apart. */
const counting: PostgresPool = {
  query: () => Promise.reject(new Error('not used')),
  connect: async () => {
    const client = await postgres.pool.connect();
    return {
      query: (text, values) => {
        if (text.includes('NOTIFY')) announcements.push(text);
        else roundTrips.push(text);
        return client.query(text, values);
      },
      release: (error) => client.release(error),
    };
  },
};

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());
beforeEach(() => {
  roundTrips = [];
  announcements = [];
});

const tracking = (notificationId: number): { tracking: { applicationName: string; notificationId: number } } => ({
  tracking: { applicationName: 'upstream', notificationId },
});

it.each([1, 100, 5_000])('an insert of %i events is one round trip, and one to announce it', async (count) => {
  for (const Recorder of [PostgresApplicationRecorder, PostgresProcessRecorder]) {
    const applicationName = uniqueName();
    const recorder = new Recorder({ pool: counting, applicationName, lockTimeoutMs: 5_000 });
    await recorder.createTable();
    roundTrips = [];
    announcements = [];
    await recorder.insertEvents(makeEvents(count));
    expect(roundTrips).toHaveLength(1);
    expect(announcements).toHaveLength(1);
  }
});

it('an insert of events and tracking is one round trip, once the layout of the table is known', async () => {
  const recorder = new PostgresProcessRecorder({ pool: counting, applicationName: uniqueName() });
  await recorder.createTable();
  roundTrips = [];
  await recorder.insertEvents(makeEvents(10), tracking(1));
  expect(roundTrips).toHaveLength(2);
  roundTrips = [];
  await recorder.insertEvents(makeEvents(10), tracking(2));
  await recorder.insertEvents([], tracking(3));
  expect(roundTrips).toHaveLength(2);
});

it('a refused insert is one round trip as well', async () => {
  const recorder = new PostgresProcessRecorder({ pool: counting, applicationName: uniqueName() });
  await recorder.createTable();
  const events = makeEvents(2);
  await recorder.insertEvents(events, tracking(5));
  roundTrips = [];
  await expect(recorder.insertEvents(events)).rejects.toMatchObject({ details: { constraint: 'event' } });
  await expect(recorder.insertEvents(makeEvents(1), tracking(5))).rejects.toMatchObject({
    details: { constraint: 'tracking', lastNotificationId: 5 },
  });
  expect(roundTrips).toHaveLength(2);
});

it('an insert of snapshots, and each selection, is one round trip', async () => {
  const snapshots = new PostgresAggregateRecorder({ pool: counting, applicationName: uniqueName() });
  await snapshots.createTable();
  roundTrips = [];
  const events = makeEvents(3);
  await snapshots.insertEvents(events);
  await snapshots.selectEvents(events[0]!.originatorId, { desc: true, limit: 1 });
  expect(roundTrips).toHaveLength(2);
});

it('a transaction adds its commit; its begin goes with its first statement', async () => {
  const applicationName = uniqueName();
  const recorder = new PostgresProcessRecorder({ pool: counting, applicationName });
  await recorder.createTable();
  roundTrips = [];
  await recorder.transaction(async (transaction) => {
    await transaction.insertEvents(makeEvents(10));
    await transaction.connection.query('SELECT 1');
  });
  expect(roundTrips).toHaveLength(3);
  expect(announcements).toHaveLength(1);
  // One with parameters has a message of its own.
  roundTrips = [];
  await recorder.transaction(async ({ connection }) => await connection.query('SELECT $1::text', ['a']));
  expect(roundTrips).toHaveLength(3);
  roundTrips = [];
  await recorder.transaction(() => Promise.resolve());
  expect(roundTrips).toEqual([]);
});

it('the first statement of a transaction gives what it gives elsewhere, and spoils it as elsewhere', async () => {
  const recorder = new PostgresProcessRecorder({ pool: counting, applicationName: uniqueName() });
  await recorder.createTable();
  const first = async (sql: string): Promise<unknown> =>
    await recorder.transaction(async ({ connection }) => {
      const result: unknown = await connection.query(sql);
      return Array.isArray(result)
        ? result.map(({ rows }: { rows: unknown }) => rows)
        : (result as { rows: unknown }).rows;
    });
  expect(await first('SELECT 1 AS a')).toEqual([{ a: 1 }]);
  expect(await first("SET LOCAL application_name = 'b'")).toEqual([]);
  expect(await first('SELECT 1 AS a; SELECT 2 AS b')).toEqual([[{ a: 1 }], [{ b: 2 }]]);
  for (const wrong of ['SELEC 1', 'SELECT 1/0', 'SELECT * FROM nowhere', "SELECT E'\\uZZ'", 'SELECT 1; SELEC 2']) {
    const attempt = recorder.transaction(async (transaction) => {
      await transaction.connection.query(wrong).catch(() => undefined);
      // Outside of a transaction it would be stored.
      await transaction.insertEvents(makeEvents(1)).catch(() => undefined);
    });
    await expect(attempt, wrong).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { sqlState: '25P02' } });
    expect(await recorder.maxNotificationId(), wrong).toBe(0);
  }
});

it('nothing is asked of the server when there is nothing to record', async () => {
  const recorder = new PostgresProcessRecorder({ pool: counting, applicationName: uniqueName() });
  expect(await recorder.insertEvents([])).toEqual([]);
  expect(roundTrips).toEqual([]);
});
