/** Tables and indexes that are there, or are missing, while others write: who starts a program holds nobody up. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { SqlSubjectKeys } from '../../../src/application/personal/sql-subject-keys.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { PostgresAggregateRecorder, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { singleClient } from '../../../src/persistence/postgres/single-client.js';
import type { PgPool, PostgresClient, PostgresPool } from '../../../src/persistence/postgres/index.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { SqliteAggregateRecorder, SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite.js';
import { SqlReplicaStore } from '../../../src/server/access/sql-replica-store.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { SqlStateStore } from '../../../src/states/sql-state-store.js';
import { thingState } from '../../../src/testing/conformance/state-samples.js';
import { openPostgres, ownSchemaUrl, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { articlesOf } from '../../support/releases.js';
import { makeTemporaryFolder } from '../../support/temporary-folder.js';

interface Creating {
  createTables(): Promise<void>;
}

const things = thingState(['name']);

/** What has tables beside the events, on every engine. */
function besideEvents(recorder: SqlRecorder, name: string): Readonly<Record<string, Creating>> {
  const setUp = (each: { setUp(): Promise<void> }): Creating => ({ createTables: () => each.setUp() });
  return {
    snapshots: new SqlSnapshotStore({ recorder, table: `${name}_states` }),
    'commit ids': new SqlCommitIds({ recorder, table: `${name}_commits` }),
    'an outbox': new SqlOutbox({ recorder, table: `${name}_outbox` }),
    'an event index': new SqlEventIndex({ recorder, table: `${name}_index` }),
    'keys of people': new SqlSubjectKeys({ recorder, table: `${name}_keys` }),
    'devices of a server': new SqlReplicaStore({ recorder, table: `${name}_replicas` }),
    states: setUp(new SqlStateStore({ recorder, states: [things] })),
    'a view': setUp(new SqlProjectionStore(recorder, { ...articlesOf(1), name: `${name} articles` })),
  };
}

function everything(pool: PostgresPool, name: string): Readonly<Record<string, Creating>> {
  const recorder = new PostgresProcessRecorder({ pool, applicationName: name });
  const aggregates = new PostgresAggregateRecorder({ pool, applicationName: `${name}_b` });
  const of = (each: { createTable(): Promise<void> }): Creating => ({ createTables: () => each.createTable() });
  return {
    events: of(recorder),
    'sequences alone': of(aggregates),
    ...besideEvents(recorder, name),
    'a log of units': new PostgresUnitLog({ recorder, name: `${name}_log` }),
  };
}

let postgres: PostgresFixture;
beforeAll(async () => {
  // Views and states name their tables plainly.
  const url = new URL(await ownSchemaUrl());
  // Who waits looks once whether two wait for each other: late enough that they do, on a loaded machine, too.
  url.searchParams.set('options', `${url.searchParams.get('options')} -c deadlock_timeout=4000`);
  postgres = await openPostgres({ connectionString: url.href });
});
afterAll(() => postgres.close());

/** A pool that notes what is sent through it. */
function noting(pool: PgPool): { readonly pool: PostgresPool; readonly sent: string[] } {
  const sent: string[] = [];
  const noted: PostgresPool = {
    query: (text, values) => {
      sent.push(text);
      return pool.query(text, values);
    },
    connect: async () => {
      const client = await pool.connect();
      const lent: PostgresClient = {
        query: (text, values) => {
          sent.push(text);
          return client.query(text, values);
        },
        release: (error) => client.release(error),
      };
      return lent;
    },
  };
  return { pool: noted, sent };
}

describe('on PostgreSQL', () => {
  const name = uniqueName();
  beforeAll(async () => {
    for (const each of Object.values(everything(postgres.pool, name))) await each.createTables();
  });

  test.each(Object.keys(everything({} as PgPool, 'x')))(
    'a start where the tables of %s are there sends nothing but queries, and waits for no writer',
    async (kind) => {
      const { rows } = await postgres.pool.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND (tablename LIKE $1 OR tablename IN ('articles', 'projection_checkpoints', 'projection_dead_letters', $2))",
        [`${name}%`, `state_${things.name}`],
      );
      expect(rows.length).toBeGreaterThan(12);
      const { pool, sent } = noting(postgres.pool);
      const writer = await postgres.pool.connect();
      try {
        // As who writes events does, whose rows are being written, in all tables at once.
        const locks = rows.map((row) => `LOCK TABLE ${String(row['tablename'])} IN EXCLUSIVE MODE`);
        await writer.query(`BEGIN; ${locks.join('; ')}; UPDATE ${name}_log_head SET position = position`);
        await everything(pool, name)[kind]?.createTables();
      } finally {
        await writer.query('ROLLBACK');
        writer.release();
      }
      expect(sent.length).toBeGreaterThan(0);
      // No BEGIN, no LOCK, no advisory lock, nothing that creates: a transaction of one query has its locks as long as it runs.
      expect(sent.filter((text) => !/^SELECT\b/.test(text.trim()) || /_lock|;/.test(text))).toEqual([]);
    },
  );

  describe('an index that a table lacks', () => {
    const indexOf = (store: string): string => `${store}_recorded_at_ms`;

    async function lacking(): Promise<{ readonly table: string; readonly commits: SqlCommitIds }> {
      const table = uniqueName();
      const commits = new SqlCommitIds({ recorder: postgres.recorder, table });
      await commits.createTables();
      await commits.once('first', () => Promise.resolve(1));
      await postgres.pool.query(`DROP INDEX ${indexOf(table)}`);
      return { table, commits };
    }

    async function isWhole(table: string): Promise<readonly unknown[]> {
      const { rows } = await postgres.pool.query(
        'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1::text)',
        [indexOf(table)],
      );
      return rows.map(({ indisvalid }) => indisvalid);
    }

    test('is created while others write, who do not wait for it', async () => {
      const { table, commits } = await lacking();
      const [writer, another] = [await postgres.pool.connect(), await postgres.pool.connect()];
      onTestFinished(() => {
        for (const client of [writer, another]) client.release();
      });
      await writer.query(`BEGIN; INSERT INTO ${table} VALUES ('open', 1)`);
      const created = commits.createTables();
      // Until it is about it: it waits for the transaction that is open.
      await expect
        .poll(
          async () =>
            (
              await postgres.pool.query(
                'SELECT FROM pg_stat_progress_create_index WHERE relid = to_regclass($1::text)',
                [table],
              )
            ).rows.length,
        )
        .toBe(1);
      await another.query(`SET lock_timeout = '2s'; INSERT INTO ${table} VALUES ('meanwhile', 2); RESET lock_timeout`);
      await writer.query('COMMIT');
      await created;
      expect(await isWhole(table)).toEqual([true]);
      expect((await postgres.pool.query(`SELECT FROM ${table}`)).rows).toHaveLength(3);
    });

    test('is created once by ten who start at once, and the turn outlasts the idle time of its transaction', async () => {
      const { table } = await lacking();
      const commits = Array.from({ length: 10 }, () => {
        const recorder = new PostgresProcessRecorder({
          ...{ pool: postgres.pool, applicationName: postgres.name, idleInTransactionTimeoutMs: 1_000 },
        });
        return new SqlCommitIds({ recorder, table });
      });
      const writer = await postgres.pool.connect();
      await writer.query(`BEGIN; INSERT INTO ${table} VALUES ('open', 1)`);
      const created = Promise.all(commits.map((each) => each.createTables()));
      const startMs = performance.now();
      await expect.poll(() => performance.now() - startMs, { interval: 100 }).toBeGreaterThan(1_600);
      await writer.query('COMMIT');
      writer.release();
      await created;
      expect(await isWhole(table)).toEqual([true]);
    });

    test('is created though who has begun before waits for the table, and one of the two is ended', async () => {
      const { table, commits } = await lacking();
      const other = await postgres.pool.connect();
      onTestFinished(async () => {
        await other.query('ROLLBACK');
        other.release();
      });
      // Whoever looks first whether two wait for each other is ended: not this one.
      await other.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL deadlock_timeout = '1min'; SELECT 1");
      const created = commits.createTables();
      const waits =
        "SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' || $1 || '%' AND wait_event = 'virtualxid'";
      await expect.poll(async () => (await postgres.pool.query(waits, [table])).rows.length).toBe(1);
      // As ANALYZE does. Who waits longer is ended: who creates.
      await other.query(`LOCK TABLE ${table} IN SHARE UPDATE EXCLUSIVE MODE`);
      await other.query('COMMIT');
      await created;
      expect(await isWhole(table)).toEqual([true]);
    });

    test('is made whole where its creation was broken off', async () => {
      const { table, commits } = await lacking();
      await postgres.pool.query(`CREATE INDEX ${indexOf(table)} ON ${table} (recorded_at_ms)`);
      await postgres.pool.query('UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass($1::text)', [
        indexOf(table),
      ]);
      await commits.createTables();
      expect(await isWhole(table)).toEqual([true]);
    });

    test('is created in a transaction where there is one connection, and in a transaction of the caller’s', async () => {
      const { table, commits } = await lacking();
      const client = await postgres.pool.connect();
      const recorder = new PostgresProcessRecorder({ pool: singleClient(client), applicationName: postgres.name });
      await new SqlCommitIds({ recorder, table }).createTables();
      expect(await isWhole(table)).toEqual([true]);
      client.release();
      await postgres.pool.query(`DROP INDEX ${indexOf(table)}`);
      await postgres.recorder.transaction(async (transaction) => {
        const within = Object.assign(Object.create(transaction) as SqlRecorder, {
          dialect: postgres.recorder.dialect,
          query: (text: string, values?: unknown[]) => transaction.connection.query(text, values),
        });
        await new SqlCommitIds({ recorder: within, table }).createTables();
      });
      expect(await isWhole(table)).toEqual([true]);
      await commits.createTables();
    });
  });
});

describe('on a file of SQLite', () => {
  test('a start where all is there waits for no writer of another connection', async () => {
    const { path: folder, remove } = await makeTemporaryFolder();
    onTestFinished(remove);
    const path = `${folder}/events.sqlite`;
    const [first, second] = [await openNodeSqlite({ path }), await openNodeSqlite({ path, lockTimeoutMs: 0 })];
    onTestFinished(() => {
      for (const database of [first, second]) database.close();
    });
    const all = (database: typeof first): readonly Creating[] => {
      const recorder = new SqliteProcessRecorder(database);
      const of = (each: { createTable(): Promise<void> }): Creating => ({ createTables: () => each.createTable() });
      return [of(recorder), of(new SqliteAggregateRecorder(database)), ...Object.values(besideEvents(recorder, 'x'))];
    };
    for (const each of all(first)) await each.createTables();
    first.exec('BEGIN IMMEDIATE');
    for (const each of all(second)) await each.createTables();
    // The file is locked indeed: what is missing would have to wait.
    const missing = new SqlCommitIds({ recorder: new SqliteProcessRecorder(second), table: 'others' });
    await expect(missing.createTables()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    first.exec('ROLLBACK');
    await missing.createTables();
  });
});
