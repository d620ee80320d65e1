/** Migrations outside of transactions that PostgreSQL ends because they and somebody else wait for each other. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Migrator } from '../../src/migrations/migrator.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

type Client = Awaited<ReturnType<PgPool['connect']>>;

/** Somebody in the way: takes what the statement will wait for, and then waits for the statement, which is ended for it. */
async function inTheWay(
  held: string,
  wanted: string,
): Promise<{ meet(running: string): Promise<void>; end(): Promise<void> }> {
  const client: Client = await postgres.pool.connect();
  // Who looks for a deadlock first ends itself: this one never does.
  await client.query(`BEGIN; SET LOCAL deadlock_timeout = '1h'; ${held}`);
  return {
    meet: async (running) => {
      await expect.poll(() => waitsFor(running), { timeout: 20_000 }).toBe(true);
      await client.query(wanted);
    },
    end: async () => {
      await client.query('ROLLBACK');
      client.release();
    },
  };
}

async function waitsFor(text: string): Promise<boolean> {
  const { rows } = await postgres.pool.query(
    `SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
    [`${text}%`],
  );
  return rows.length > 0;
}

function migratorOf(name: string, sql: string): Migrator {
  return new Migrator({
    recorder: new PostgresProcessRecorder({ pool: postgres.pool, applicationName: name }),
    migrations: [{ version: 1, name: 'alone', up: `-- daybook: no-transaction\n${sql}` }],
    ledgerTable: `${name}_ledger`,
  });
}

async function tableOf(name: string): Promise<void> {
  await postgres.pool.query(
    `CREATE TABLE ${name} (id INT); CREATE TABLE ${name}_b (id INT); INSERT INTO ${name} VALUES (1)`,
  );
}

const indexesOf = async (name: string): Promise<readonly unknown[]> =>
  (
    await postgres.pool.query(
      `SELECT c.relname::text AS name, indisvalid AS valid FROM pg_index JOIN pg_class c ON c.oid = indexrelid
       WHERE indrelid = $1::regclass ORDER BY 1`,
      [name],
    )
  ).rows;

describe('a migration outside of transactions that ends in a deadlock', () => {
  test.each([
    ['an index', (name: string) => `CREATE INDEX CONCURRENTLY ${name}_i ON ${name} (id)`],
    [
      'an index with quotes, unless it is there',
      (name: string) => `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "${name}_i" ON "${name}" (id)`,
    ],
  ])('is tried again, and leaves nothing that is of no use: %s', async (_, sqlOf) => {
    const name = uniqueName();
    await tableOf(name);
    const sql = sqlOf(name);
    const migrator = migratorOf(name, sql);
    const way = await inTheWay(`INSERT INTO ${name} VALUES (2)`, `LOCK TABLE ${name} IN SHARE UPDATE EXCLUSIVE MODE`);
    const done = migrator.up();
    await way.meet(sql);
    // Ended, and not whole.
    expect(await indexesOf(name)).toEqual([{ name: `${name}_i`, valid: false }]);
    await way.end();
    expect(await done).toMatchObject([{ version: 1 }]);
    expect(await indexesOf(name)).toEqual([{ name: `${name}_i`, valid: true }]);
    expect((await migrator.status()).migrations).toMatchObject([{ state: 'applied' }]);
  });

  test('is tried again where a statement is a transaction by itself, also one after others', async () => {
    const name = uniqueName();
    await tableOf(name);
    const sql = `TRUNCATE ${name}, ${name}_b`;
    const migrator = migratorOf(name, `INSERT INTO ${name} VALUES (3); ${sql}; INSERT INTO ${name} VALUES (4)`);
    const way = await inTheWay(`LOCK TABLE ${name}_b`, `LOCK TABLE ${name}`);
    const done = migrator.up();
    await way.meet(sql);
    await way.end();
    expect(await done).toMatchObject([{ version: 1 }]);
    expect((await postgres.pool.query(`SELECT id FROM ${name}`)).rows).toEqual([{ id: 4 }]);
  });

  test.each([
    ['what may have committed', (name: string) => `CALL ${name}_p()`],
    ['what leaves something under a name of PostgreSQL’s', (name: string) => `REINDEX TABLE CONCURRENTLY ${name}`],
  ])('is for somebody to look at where it is %s', async (_, sqlOf) => {
    const name = uniqueName();
    await tableOf(name);
    await postgres.pool.query(`CREATE INDEX ${name}_i ON ${name} (id);
      CREATE PROCEDURE ${name}_p() LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO ${name} VALUES (5); COMMIT; TRUNCATE ${name}, ${name}_b; END $$`);
    const isCall = sqlOf(name).startsWith('CALL');
    const migrator = migratorOf(name, sqlOf(name));
    const way = isCall
      ? await inTheWay(`LOCK TABLE ${name}_b`, `LOCK TABLE ${name}`)
      : await inTheWay(`INSERT INTO ${name} VALUES (2)`, `LOCK TABLE ${name} IN SHARE UPDATE EXCLUSIVE MODE`);
    const done = migrator.up().catch((error: unknown) => error);
    await way.meet(sqlOf(name));
    await way.end();
    expect(await done).toMatchObject({ code: 'MIGRATION_FAILED', details: { unfinished: true } });
    expect((await migrator.status()).migrations).toMatchObject([{ state: 'applying' }]);
    if (isCall)
      expect((await postgres.pool.query(`SELECT id FROM ${name} ORDER BY id`)).rows).toEqual([{ id: 1 }, { id: 5 }]);
  });
});
