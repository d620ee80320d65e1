/** Counting of large logs, in parts; and what only PostgreSQL knows. */
import { expect, test } from 'vitest';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { storeStats } from '../../../src/operations/stats/store-stats.js';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { makeEvents } from '../../support/stored-events.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { makeSqliteLog } from '../../support/sqlite-log-fixture.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { makeTenantRole } from '../../support/postgres-roles.js';

// 120,000 events are three parts. The second aggregate lies across the border of the first two, the third across the other.
const SIZES = [
  ['00000000-0000-4000-8000-000000000001', 49_999],
  ['00000000-0000-4000-8000-000000000002', 20_001],
  ['00000000-0000-4000-8000-000000000003', 49_000],
] as const;
const ALONE = 1_000;
const IN_ALL = 120_000;
const LARGEST = [SIZES[0], SIZES[2], SIZES[1]].map(([originatorId, events]) => ({
  originatorId,
  aggregateType: 'Item',
  events,
  version: events,
}));

function expectCounted(stats: Awaited<ReturnType<typeof storeStats>>): void {
  expect(stats).toMatchObject({ events: IN_ALL, lastId: IN_ALL, aggregates: 3 + ALONE, stateBytes: 2 * IN_ALL });
  expect(stats.types).toEqual([{ topic: 'Item:Counted', events: IN_ALL, stateBytes: 2 * IN_ALL }]);
  expect(stats.largest).toEqual(LARGEST);
}

/** Where fewer come out of a part than it has, what goes on in the next one is counted nevertheless. */
async function expectLargestAlone(recorder: SqlRecorder): Promise<void> {
  const { aggregates, largest } = await storeStats(recorder, { largest: 1 });
  expect({ aggregates, largest }).toEqual({ aggregates: 3 + ALONE, largest: LARGEST.slice(0, 1) });
}

test('PostgreSQL: a log of several parts is counted whole, and an aggregate across their borders once', async () => {
  await using postgres = await openPostgres();
  const { pool, name, recorder } = postgres;
  const insert = (id: string, versions: string): string =>
    `INSERT INTO ${name}_events (originator_id, originator_version, topic, state)
     SELECT ${id}, ${versions}, 'Item:Counted', '\\x7b7d'`;
  for (const [id, events] of SIZES) await pool.query(insert(`'${id}'`, `generate_series(1, ${events})`));
  await pool.query(`${insert('gen_random_uuid()', '1')} FROM generate_series(1, ${ALONE})`);
  await expectLargestAlone(recorder);
  const stats = await storeStats(recorder, { largest: 3 });
  expectCounted(stats);
  expect(stats.sizes.of).toBe('events');
  expect(stats.sizes.tableBytes).toBeGreaterThan(IN_ALL * 50);
  expect(stats.sizes.totalBytes).toBe((stats.sizes.tableBytes ?? 0) + (stats.sizes.indexBytes ?? 0));
});

test('SQLite: the same', async () => {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const versions = (count: number): string =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
     INSERT INTO stored_events (originator_id, originator_version, topic, state)`;
  for (const [id, events] of SIZES) {
    database.exec(`${versions(events)} SELECT x'${id.replaceAll('-', '')}', i, 'Item:Counted', x'7b7d' FROM n`);
  }
  database.exec(`${versions(ALONE)} SELECT randomblob(16), 1, 'Item:Counted', x'7b7d' FROM n`);
  await expectLargestAlone(recorder);
  const stats = await storeStats(recorder, { largest: 3 });
  expectCounted(stats);
  expect(stats.sizes.of).toBe('database');
  expect(stats.indexes).toBeUndefined();
  database.close();
});

test('indexes of the events: how often each is read, whether it may be used, of each part of a table', async () => {
  await using postgres = await openPostgres();
  const { pool, name, recorder } = postgres;
  await recorder.insertEvents(makeEvents(3));
  await pool.query(`CREATE INDEX ${name}_by_topic ON ${name}_events (topic)`);
  await pool.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${name}_by_topic'::regclass`);
  const { indexes = [] } = await storeStats(recorder);
  const shared = { table: `${name}_events`, isUnique: true, isValid: true };
  expect(indexes.map(({ scans: _, bytes: __, ...index }) => index)).toEqual([
    { ...shared, name: `${name}_by_topic`, isUnique: false, isValid: false },
    { ...shared, name: `${name}_events_notification_id_idx` },
    { ...shared, name: `${name}_events_pkey` },
  ]);
  expect(indexes.every(({ bytes }) => bytes > 0)).toBe(true);

  const tenants = { tenant: 'one', partitions: 3, role: await makeTenantRole(pool) };
  const parted = new PostgresProcessRecorder({ pool, applicationName: `${name}_shared`, shared: tenants });
  await parted.createTable();
  const stats = await storeStats(parted);
  expect(new Set(stats.indexes?.map(({ table }) => table))).toEqual(
    new Set([0, 1, 2].map((part) => `${name}_shared_events_p${part}`)),
  );
  expect(stats.sizes.totalBytes).toBeGreaterThan(0);
});

test('a tenant counts its own events', async () => {
  await using postgres = await openPostgres();
  const { pool, name } = postgres;
  const role = await makeTenantRole(pool);
  const [one, other] = ['one', 'other'].map(
    (tenant) => new PostgresProcessRecorder({ pool, applicationName: `${name}_t`, shared: { tenant, role } }),
  ) as [PostgresProcessRecorder, PostgresProcessRecorder];
  await one.createTable();
  await one.insertEvents(makeEvents(3));
  await other.insertEvents(makeEvents(5));
  expect(await storeStats(one)).toMatchObject({ events: 3, aggregates: 1 });
  expect(await storeStats(other)).toMatchObject({ events: 5, aggregates: 1 });
});

test('a statement that waits for somebody is ended by the server, and the connection is as good as before', async () => {
  await using postgres = await openPostgres();
  const { pool, name, recorder } = postgres;
  const other = await pool.connect();
  try {
    await other.query(`BEGIN; LOCK TABLE ${name}_events IN ACCESS EXCLUSIVE MODE`);
    await expect(storeStats(recorder, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'too-long', timeoutMs: 200 },
    });
  } finally {
    await other.query('ROLLBACK');
    other.release();
  }
  expect(await storeStats(recorder)).toMatchObject({ events: 0, aggregates: 0, largest: [] });
  expect((await recorder.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
});

test('an event index of another log in the database is passed over', async () => {
  await using postgres = await openPostgres();
  const { recorder, make, pool, name } = postgres;
  const other = await make();
  const eventIndex = `i_${name}`;
  await new SqlEventIndex({ recorder, table: eventIndex }).createTables();
  await pool.query(`INSERT INTO ${eventIndex} SELECT 1, 'a', 'b', 1, 'c', 'd', extract(epoch FROM now()) * 1000`);
  expect((await storeStats(recorder, { eventIndex, days: 2 })).days?.reduce((sum, { events }) => sum + events, 0)).toBe(
    1,
  );
  expect((await storeStats(other, { eventIndex })).days).toBeUndefined();
});

test('SQLite: events in a table of another name are those that are counted', async () => {
  const database = await openSqlJs();
  await new SqliteProcessRecorder(database).createTable();
  const recorder = new SqliteProcessRecorder(database, {
    eventsTable: 'other events',
    trackingTable: 'other tracking',
  });
  await recorder.createTable();
  await recorder.insertEvents(makeEvents(4));
  expect(await storeStats(recorder)).toMatchObject({ events: 4, aggregates: 1 });
  database.close();
});

test.each(['PostgreSQL', 'SQLite'])(
  '%s: days without an index, by when a sync server took events in',
  async (engine) => {
    await using postgres = await openPostgres();
    const database = await openSqlJs();
    const inSqlite = new SqliteProcessRecorder(database);
    await inSqlite.createTable();
    const isPostgres = engine === 'PostgreSQL';
    const recorder: SqlRecorder = isPostgres ? (await makePostgresLog(postgres.pool)).recorder : inSqlite;
    const name = isPostgres
      ? (recorder.dialect.log?.eventsTable ?? '').replaceAll('"', '').replace(/_events$/, '_log')
      : 'daybook_log';
    const options = { largest: 0, days: 3, eventIndex: 'no_such_index' };
    if (!isPostgres) expect(await storeStats(recorder, options)).toMatchObject({ daysBy: undefined });
    const log = isPostgres ? new PostgresUnitLog({ recorder, name }) : (await makeSqliteLog(recorder)).open();
    await recorder.insertEvents(makeEvents(7));
    await log.head();
    const nowMs = Date.UTC(2031, 4, 3, 12);
    const clock = { nowMs: () => nowMs, monotonicMs: () => 0 };
    const at = (position: number, ms: number): Promise<unknown> =>
      recorder.transaction(({ connection }) =>
        connection.query(`UPDATE "${name}_units" SET recorded_at_ms = $1 WHERE position = $2`, [ms, position]),
      );
    for (const [index, ms] of [
      Date.UTC(2031, 3, 29),
      Date.UTC(2031, 3, 30, 23, 59, 59, 999),
      Date.UTC(2031, 4, 1),
      Date.UTC(2031, 4, 2, 23, 59, 59, 999),
      Date.UTC(2031, 4, 3),
      nowMs,
      Date.UTC(2031, 4, 4),
    ].entries()) {
      await at(index + 1, ms);
    }
    const days = [
      { day: '2031-05-03', events: 2 },
      { day: '2031-05-02', events: 1 },
      { day: '2031-05-01', events: 1 },
    ];
    expect(await storeStats(recorder, { ...options, clock })).toMatchObject({ daysBy: 'server', days });
    expect(await storeStats(recorder, { ...options, clock, daysBy: 'server' })).toMatchObject({
      daysBy: 'server',
      days,
    });
    expect(await storeStats(recorder, { ...options, clock, daysBy: 'occurredAt' })).toMatchObject({
      days: undefined,
      daysBy: undefined,
    });
    database.close();
  },
);
