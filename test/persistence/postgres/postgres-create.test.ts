/** Tables that are there already: whoever starts a program beside others, with no more rights than it needs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import {
  createPgPool,
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  PostgresProcessRecorder,
} from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { receive } from '../../../src/testing/conformance/application-context.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

let postgres: PostgresFixture;

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

interface Creating {
  createTables(): Promise<void>;
}

/** Everything that has tables, by name. */
function everything(pool: PgPool, name: string, schema: string): Readonly<Record<string, Creating>> {
  const recorder = new PostgresProcessRecorder({ pool, applicationName: name, schema });
  const application = new PostgresApplicationRecorder({ pool, applicationName: `${name}_a`, schema });
  const aggregates = new PostgresAggregateRecorder({ pool, applicationName: `${name}_b`, schema });
  const of = (each: { createTable(): Promise<void> }): Creating => ({ createTables: () => each.createTable() });
  return {
    'a process recorder': of(recorder),
    'an application recorder': of(application),
    'an aggregate recorder': of(aggregates),
    snapshots: new SqlSnapshotStore({ recorder, schema, table: `${name}_states` }),
    'commit ids': new SqlCommitIds({ recorder, schema, table: `${name}_commits` }),
    'an outbox': new SqlOutbox({ recorder, schema, table: `${name}_outbox` }),
    'an event index': new SqlEventIndex({ recorder, schema, table: `${name}_index` }),
  };
}

const KINDS = Object.keys(everything({} as PgPool, 'x', 'y'));

describe('tables that are there', () => {
  const [schema, role, name] = [uniqueName(), uniqueName(), uniqueName()];
  let pool: PgPool;

  beforeAll(async () => {
    await postgres.pool.query(`CREATE SCHEMA ${schema}`);
    for (const each of Object.values(everything(postgres.pool, name, schema))) await each.createTables();
    await postgres.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret';
      GRANT USAGE ON SCHEMA ${schema} TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`);
    const url = new URL(postgres.url);
    [url.username, url.password] = [role, 'secret'];
    pool = await createPgPool({ connectionString: url.href });
  });
  afterAll(() => pool.end());

  it.each(KINDS)('of %s are taken as they are by a role that may create none', async (kind) => {
    await everything(pool, name, schema)[kind]?.createTables();
    const missing = everything(pool, uniqueName(), schema)[kind]?.createTables();
    await expect(missing).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { sqlState: '42501' } });
  });

  it.each(KINDS)('of %s are taken as they are while others write to them, and hold nobody up', async (kind) => {
    const { rows } = await postgres.pool.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
    const writer = await postgres.pool.connect();
    try {
      // As writers of events do; and rows of each table are being written.
      const locks = rows.map((row) => `LOCK TABLE ${schema}.${String(row['tablename'])} IN EXCLUSIVE MODE`);
      await writer.query(`BEGIN; ${locks.join('; ')}`);
      await everything(pool, name, schema)[kind]?.createTables();
    } finally {
      await writer.query('ROLLBACK');
      writer.release();
    }
  });

  it('have what is missing of them created: an index', async () => {
    // Of a name of its own: other files make tables in the same schema meanwhile.
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    const table = `${applicationName}_events`;
    const index = `${table}_notification_id_idx`;
    await postgres.pool.query(`DROP INDEX ${index}`);
    const again = new PostgresProcessRecorder({
      ...{ pool: postgres.pool, eventsTable: table, trackingTable: `${table}_tracking` },
    });
    await again.createTable();
    const found = await postgres.pool.query('SELECT indexname FROM pg_indexes WHERE indexname = $1', [index]);
    expect(found.rows).toEqual([{ indexname: index }]);
    expect(await recorder.maxNotificationId()).toBe(0);
    // Of a table with rows it is not: all who record would wait for it.
    await again.insertEvents(makeEvents(1));
    await postgres.pool.query(`DROP INDEX ${index}`);
    await expect(again.createTable()).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { reason: 'index-missing', column: '"notification_id"' },
    });
    expect((await postgres.pool.query('SELECT FROM pg_indexes WHERE indexname = $1', [index])).rows).toEqual([]);
  });

  it('without a schema are found in all of the search path, as the statements find them', async () => {
    const url = new URL(postgres.url);
    const first = uniqueName();
    await postgres.pool.query(`CREATE SCHEMA ${first}`);
    url.searchParams.set('options', `-c search_path=${first},${schema}`);
    await using ours = await createPgPool({ connectionString: url.href });
    const recorder = new PostgresProcessRecorder({ pool: ours, applicationName: name });
    await recorder.createTable();
    await new SqlOutbox({ recorder, table: `${name}_outbox` }).createTables();
    const { rows } = await ours.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [first]);
    expect(rows).toEqual([]);
  });
});

it.each(['Mandant "Süd"; --', 'a.b', '1', "it's", 'ä'.repeat(31)])(
  'a schema may have any name, for the events and for what is beside them: %s',
  async (schema) => {
    await postgres.pool.query(`CREATE SCHEMA IF NOT EXISTS "${schema.replaceAll('"', '""')}"`);
    const name = uniqueName();
    for (const each of Object.values(everything(postgres.pool, name, schema))) {
      await each.createTables();
      await each.createTables();
    }
    const recorder = new PostgresProcessRecorder({ pool: postgres.pool, applicationName: name, schema });
    const outbox = new SqlOutbox({ recorder, schema, table: `${name}_outbox` });
    const index = new SqlEventIndex({ recorder, schema, table: `${name}_index` });
    const store = new SqlSnapshotStore({ recorder, schema, table: `${name}_states` });
    const snapshots = { store, interval: 1 };
    const app = new Application({ recorder, aggregates: [stockItem], inline: [outbox, index], snapshots });
    const { events } = await app.execute(stockItem, crypto.randomUUID(), receive(1));
    expect(await outbox.pending()).toHaveLength(1);
    expect(await index.hasEvent(events[0]!.metadata.eventId)).toBe(true);
    const commits = new SqlCommitIds({ recorder, schema, table: `${name}_commits` });
    expect(await commits.once('1', async () => 7)).toBe(7);
    expect(await commits.has('1')).toBe(true);
  },
);

it.each(['', 'x'.repeat(64), 'ä'.repeat(32), 'a\0b', '\ud800'])('that no schema can have is refused: %j', (schema) => {
  const { recorder } = postgres;
  expect(() => new SqlOutbox({ recorder, schema })).toThrow(/cannot name a schema/);
});

describe('a table that changes', () => {
  it('is read as it is then, by every connection and in transactions', async () => {
    await using own = await openPostgres({ poolSize: 3, maxOverflow: 0 });
    const { recorder, name, pool } = own;
    const events = makeEvents(1);
    const id = events[0]!.originatorId;
    await recorder.insertEvents(events);
    const sql = `SELECT * FROM ${name}_events`;
    const readAll = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 3 }, () => Promise.all([recorder.selectEvents(id), recorder.query(sql)])));
    for (let round = 0; round < 3; round++) await readAll();
    await pool.query(`ALTER TABLE ${name}_events ALTER COLUMN topic TYPE varchar(200), ADD COLUMN more int`);
    expect(
      await recorder.transaction(async (transaction) => {
        await transaction.connection.query('SELECT 1');
        return await transaction.selectEvents(id);
      }),
    ).toEqual(events);
    await readAll();
    expect(await recorder.selectEvents(id)).toEqual(events);
    expect((await recorder.query(sql)).rows[0]).toHaveProperty('more');
    expect(await recorder.maxNotificationId()).toBe(1);
  });

  it('is read where what is prepared is gone, as behind a proxy with connections of its own', async () => {
    await using own = await openPostgres({ poolSize: 2, maxOverflow: 0 });
    const { recorder, pool } = own;
    for (let round = 0; round < 2; round++) {
      await Promise.all([recorder.maxNotificationId(), recorder.maxNotificationId()]);
      for (const client of await Promise.all([pool.connect(), pool.connect()])) {
        await client.query('DEALLOCATE ALL');
        client.release();
      }
      expect(await Promise.all([recorder.maxNotificationId(), recorder.maxNotificationId()])).toEqual([0, 0]);
    }
  });
});
