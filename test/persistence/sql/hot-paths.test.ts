/** No statement that is run for each event, commit, entry or page reads a whole table, on any engine with SQL. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import type { SqlView } from '../../../src/application/projections/projection.js';
import { PostgresAggregateRecorder, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { AggregateRecorder } from '../../../src/persistence/recorder.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { SqliteAggregateRecorder, SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { receive } from '../../../src/testing/conformance/application-context.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { analyzeAll, openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { notingDatabase, notingPool, postgresFaults, sqliteFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { SQLITE_ENGINES } from '../../support/sqlite-engines.js';
import { makeEvents } from '../../support/stored-events.js';

const ROWS = 2_000;
const ROWS_AT_ONCE = 200;

interface Opened {
  readonly recorder: SqlRecorder;
  readonly aggregates: AggregateRecorder & { createTable(): Promise<void> };
  /** Of the recorder's tracking table. */
  readonly tracking: string;
  readonly noted: RunStatement[];
  faultsOf(statement: RunStatement): Promise<readonly string[]>;
  /** After the tables were filled. */
  analyze(): Promise<void>;
  close(): Promise<void>;
}

async function openOnPostgres(singleRowTracking: boolean): Promise<Opened> {
  const { pool, close } = await openPostgres();
  const noted: RunStatement[] = [];
  const applicationName = uniqueName();
  const options = { pool: notingPool(pool, noted), applicationName };
  const recorder = new PostgresProcessRecorder({ ...options, singleRowTracking });
  await recorder.createTable();
  return {
    recorder,
    aggregates: new PostgresAggregateRecorder(options),
    tracking: `${applicationName}_tracking`,
    noted,
    faultsOf: (statement) => postgresFaults(pool, statement),
    analyze: () => analyzeAll(pool),
    close,
  };
}

async function openOnSqlite(engine: string): Promise<Opened> {
  const { connect, remove } = await SQLITE_ENGINES[engine]!();
  const database = await connect();
  const noted: RunStatement[] = [];
  const noting = notingDatabase(database, noted);
  const recorder = new SqliteProcessRecorder(noting);
  await recorder.createTable();
  return {
    recorder,
    aggregates: new SqliteAggregateRecorder(noting),
    tracking: 'tracking',
    noted,
    faultsOf: async (statement) => sqliteFaults(database, statement),
    // Nobody does, so SQLite plans without knowing how many rows there are.
    analyze: () => Promise.resolve(),
    close: async () => {
      database.close();
      await remove();
    },
  };
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  'PostgreSQL, a row for each step': () => openOnPostgres(false),
  'PostgreSQL, a row for each application': () => openOnPostgres(true),
  'SQLite on sql.js': () => openOnSqlite('SQLite on sql.js'),
  'node:sqlite': () => openOnSqlite('node:sqlite, file (WAL)'),
};

describe.each(Object.entries(ENGINES))('%s', (engine, open) => {
  const name = uniqueName();
  let opened: Opened;
  let outbox: SqlOutbox;
  let index: SqlEventIndex;
  let snapshots: SqlSnapshotStore;
  let commits: SqlCommitIds;
  let app: Application;
  let ids: readonly string[];

  beforeAll(async () => {
    opened = await open();
    const { recorder, aggregates, tracking } = opened;
    outbox = new SqlOutbox({ recorder, table: `${name}_outbox` });
    index = new SqlEventIndex({ recorder, table: `${name}_index`, textOf: ({ originatorId }) => originatorId });
    snapshots = new SqlSnapshotStore({ recorder, table: `${name}_states` });
    commits = new SqlCommitIds({ recorder, table: `${name}_commits` });
    for (const each of [outbox, index, snapshots, commits]) await each.createTables();
    await aggregates.createTable();
    app = new Application({
      ...{ recorder, aggregates: [stockItem], inline: [outbox, index] },
      snapshots: { store: snapshots, interval: ROWS_AT_ONCE },
    });
    ids = Array.from({ length: ROWS / ROWS_AT_ONCE }, () => crypto.randomUUID());
    for (const id of ids) await app.execute(stockItem, id, receive(1, ROWS_AT_ONCE));
    await recorder.transaction(async ({ connection }) => {
      for (let row = 1; row <= ROWS; row++) {
        await connection.query(`INSERT INTO ${name}_commits (commit_id, recorded_at_ms) VALUES ($1, $2)`, [
          ...[`c${row}`, row],
        ]);
        await connection.query(`INSERT INTO ${name}_states VALUES ($1, 1, 'e', 'StockItem', 1, $2, 1)`, [
          `s${row}`,
          new Uint8Array(1),
        ]);
        const application = engine.includes('each step') ? `app ${row % 7}` : `app ${row}`;
        await connection.query(`INSERT INTO ${tracking} (application_name, notification_id) VALUES ($1, $2)`, [
          ...[application, row],
        ]);
      }
      // As it is after some time: most is published.
      await connection.query(
        `UPDATE ${name}_outbox SET status = 'published', published_at = $1 WHERE position % 20 <> 0`,
        [new Date(0).toISOString()],
      );
    });
    await opened.analyze();
  }, 60_000);
  afterAll(() => opened.close());

  const PATHS: Readonly<Record<string, () => Promise<unknown>>> = {
    'events of an aggregate': async () => {
      const { recorder } = opened;
      await recorder.selectEvents(ids[0]!);
      await recorder.selectEvents(ids[0]!, { gt: 5, lte: 9, desc: true, limit: 1 });
    },
    'pages of notifications': async () => {
      const { recorder } = opened;
      await recorder.selectNotifications({ start: 500, limit: 10 });
      await recorder.selectNotifications({ start: 500, stop: 900, limit: 10, topics: ['a', 'b'] });
      await recorder.maxNotificationId();
    },
    'events, with tracking and without': async () => {
      const { recorder } = opened;
      await recorder.insertEvents(makeEvents(1));
      await recorder.insertEvents(makeEvents(50), { tracking: { applicationName: 'app 3', notificationId: 10_000 } });
      await recorder.insertEvents([], { tracking: { applicationName: "ä 'new' \\", notificationId: 1 } });
    },
    tracking: async () => {
      await opened.recorder.maxTrackingId('app 3');
      await opened.recorder.hasTrackingId('app 4', 7);
    },
    'a sequence without notifications': async () => {
      const events = makeEvents(3);
      await opened.aggregates.insertEvents(events);
      await opened.aggregates.selectEvents(events[0]!.originatorId, { desc: true, limit: 1 });
    },
    'commands, with an outbox, an event index and snapshots': async () => {
      await app.execute(stockItem, ids[1]!, receive(1));
      await app.execute(stockItem, crypto.randomUUID(), receive(1, ROWS_AT_ONCE + 1));
      await snapshots.remove(ids[2]);
    },
    'commit ids': async () => {
      await commits.once('new', async () => 1);
      await commits.once('c7', async () => 1);
      await commits.has('c8');
      await commits.deleteBefore(new Date(500), 10);
    },
    'an outbox': async () => {
      const nowMs = Date.now() + 60_000;
      const claim = { leaseId: 'lease', nowMs, leaseUntilMs: nowMs + 1_000, limit: 3 };
      const [first, second] = await outbox.claim(claim);
      await outbox.renew('lease', nowMs + 2_000);
      await outbox.settle('lease', [
        { id: first!.id, kind: 'published', publishedAtMs: nowMs },
        ...(second === undefined
          ? []
          : [{ id: second.id, kind: 'failed', error: 'x', counts: true, nextAttemptAtMs: nowMs } as const]),
      ]);
      await outbox.release('lease');
      await outbox.pending({ limit: 5 });
      await outbox.deadLetters({ after: 3, limit: 5 });
      await outbox.retry('x');
      await outbox.resolve('x');
      await outbox.discard('x');
      await outbox.deletePublished(Date.now(), 10);
    },
    'an event index': async () => {
      const [found] = await index.find({ aggregateId: ids[3]!, limit: 1 });
      await index.hasEvent(found!.eventId);
      await index.between({ from: new Date(0), to: new Date() }, { after: 50, limit: 10 });
      await index.find({ correlationId: 'x', limit: 10 });
      await index.find({ actorId: 'x', from: new Date(0), limit: 10 });
      await index.find({ text: ids[3]!.slice(0, 8), limit: 10 });
      for (const query of [{ tenantId: 'x' }, { actorId: 'x' }, { correlationId: 'x' }, {}]) {
        for (const times of [{}, { from: new Date(0), to: new Date() }]) {
          await index.notifications({ ...query, ...times, after: 50, limit: 10 }).next();
          await index.notifications({ ...query, ...times, stop: 500, limit: 10, topics: ['a', 'b'] }).next();
        }
      }
    },
    'a projection': async () => {
      const { recorder } = opened;
      const world = new CountingWorld(recorder);
      const projection = world.sums();
      const store = new SqlProjectionStore(recorder, projection);
      const things = Array.from({ length: 50 }, () => crypto.randomUUID());
      for (const thing of things) await world.find(thing, 1, 2);
      const runner = new ProjectionRunner<SqlView>({ projection, store, log: world.log });
      await runner.catchUp();
      await store.transaction('live', async (transaction) => {
        for (let id = 1; id <= 300; id++) {
          await transaction.putDeadLetter({
            ...{ notificationId: id, eventId: `e${id}`, eventType: 'Found', originatorId: things[id % 50]! },
            ...{ status: 'failed', error: 'x', stack: '', retryCount: 1, firstFailedAtMs: 1, lastFailedAtMs: 1 },
            resolvedBy: '',
          });
        }
      });
      await opened.analyze();
      opened.noted.length = 0;
      await world.find(crypto.randomUUID(), 1);
      await runner.catchUp();
      await store.checkpoint('live');
      await store.transaction('live', async (transaction) => {
        await transaction.deadLetters({ notificationId: 7 });
        await transaction.deadLetters({ originatorId: things[3]!, statuses: ['failed'] });
      });
    },
  };

  it.each(Object.keys(PATHS))('%s', async (path) => {
    opened.noted.length = 0;
    await PATHS[path]?.();
    const statements = [...new Map(opened.noted.map((statement) => [statement.text, statement])).values()];
    expect(statements.length).toBeGreaterThan(0);
    const faults: string[] = [];
    for (const statement of statements) faults.push(...(await opened.faultsOf(statement)));
    expect(faults).toEqual([]);
  });
});
