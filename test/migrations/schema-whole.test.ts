/**
 * What `schemaSql` prints, run on an empty database, against the catalogue of one that a program has set up; and that the program
 * then needs no right to create anything.
 */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sqlProjection, SqlProjectionStore } from '../../src/application/index.js';
import { archiveStore, createArchiveTables } from '../../src/archive/archive-tables.js';
import { namedTables } from '../../src/cli/migrations/named-tables.js';
import type { RecorderWithTables } from '../../src/cli/migrations/named-tables.js';
import { Migrator, schemaSql } from '../../src/migrations/index.js';
import type { SchemaSqlOptions } from '../../src/migrations/index.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { defineState, SqlStateStore, stateOf } from '../../src/states/index.js';
import type { StandardSchema } from '../../src/domain/standard-schema.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const anything: StandardSchema<unknown, { readonly text: string; readonly tags: readonly string[] }> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as never }) },
};

const stockLevels = sqlProjection({
  name: "the shop's stock",
  from: [stockItem],
  tables: {
    stock_levels: (table) => [
      `CREATE TABLE ${table} (item_id TEXT PRIMARY KEY, quantity INTEGER NOT NULL DEFAULT 0)`,
      `CREATE INDEX ${table}_quantity ON ${table} (quantity) WHERE quantity > 0`,
    ],
  },
  on: {},
});
const kept = stateOf(stockItem, { name: 'kept', indexes: ['quantity'] });
const note = defineState({ name: 'note', schema: anything, indexes: ['text'], lists: ['tags'], search: ['text'] });
const migrations = [
  { version: 1, name: 'orders', up: 'CREATE TABLE orders (id TEXT PRIMARY KEY, day TEXT NOT NULL)' },
  {
    version: 3,
    name: 'by_day',
    up: "CREATE INDEX orders_by_day ON orders (day);\nINSERT INTO orders VALUES ('a;b', 'c')",
  },
];

interface Program {
  readonly options: SchemaSqlOptions;
  /** As at a start. */
  setUp(): Promise<void>;
  readonly migrator: Migrator;
}

function programOf(recorder: RecorderWithTables): Program {
  const own = namedTables('all', { recorder, applicationName: undefined, schema: undefined });
  const states = new SqlStateStore({ recorder, states: [kept, note] });
  const store = new SqlProjectionStore(recorder, stockLevels);
  const migrator = new Migrator({ recorder, own, migrations });
  const archive = { creations: (recorder.dialect.archive?.createSql ?? []).map((sql) => ({ name: 'archive', sql })) };
  return {
    options: { own, views: [store, states, archive], migrations, engine: recorder.dialect.name },
    migrator,
    setUp: async () => {
      await migrator.up();
      await store.setUp();
      await states.setUp();
      await createArchiveTables(archiveStore(recorder));
    },
  };
}

/** Everything of the schema `public`, as PostgreSQL says it, and what rows say what is there. */
async function catalogueOf(pool: PgPool): Promise<readonly string[]> {
  const { rows } = await pool.query(`
    WITH r AS (SELECT oid, relname, relkind, reloptions, relrowsecurity, relforcerowsecurity FROM pg_class
      WHERE relnamespace = 'public'::regnamespace)
    SELECT concat_ws(' | ', 'relation', relname, relkind, reloptions::text, relrowsecurity, relforcerowsecurity) AS line FROM r
    UNION ALL SELECT concat_ws(' | ', 'column', relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        attgenerated, attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
      FROM r JOIN pg_attribute a ON attrelid = r.oid LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = attnum
      WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT concat_ws(' | ', 'constraint', relname, conname, pg_get_constraintdef(c.oid))
      FROM r JOIN pg_constraint c ON conrelid = r.oid
    UNION ALL SELECT concat_ws(' | ', 'index', pg_get_indexdef(indexrelid)) FROM r JOIN pg_index ON indrelid = r.oid
    UNION ALL SELECT concat_ws(' | ', 'trigger', pg_get_triggerdef(t.oid)) FROM r JOIN pg_trigger t ON tgrelid = r.oid
      WHERE NOT tgisinternal
    UNION ALL SELECT concat_ws(' | ', 'policy', polname, relname, pg_get_expr(polqual, polrelid))
      FROM r JOIN pg_policy ON polrelid = r.oid
    UNION ALL SELECT concat_ws(' | ', 'function', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' | ', 'view made by', to_jsonb(c)::text) FROM projection_checkpoints c
    UNION ALL SELECT concat_ws(' | ', 'applied', set_name, version, name, checksum, state) FROM migration_ledger
    ORDER BY 1`);
  return rows.map(({ line }) => String(line));
}

describe('the schema as it is printed', () => {
  test('is that of PostgreSQL, whole, and a program that may create nothing starts on it', async () => {
    await using postgres = await openPostgres();
    const pools: PgPool[] = [];
    for (let count = 0; count < 2; count++) {
      const [name, url] = [uniqueName(), new URL(postgres.url)];
      await postgres.pool.query(`CREATE DATABASE ${name}`);
      url.pathname = `/${name}`;
      const pool = await createPgPool({ connectionString: url.href });
      onTestFinished(() => pool.end());
      pools.push(pool);
    }
    const [byProgram, byHand] = pools as [PgPool, PgPool];
    const original = programOf(new PostgresProcessRecorder({ pool: byProgram }));
    await original.setUp();
    await byHand.query(schemaSql(original.options));
    const catalogue = await catalogueOf(byProgram);
    expect(catalogue.length).toBeGreaterThan(200);
    for (const what of [
      'relation',
      'column',
      'constraint',
      'index',
      'trigger',
      'function',
      'view made by',
      'applied',
    ]) {
      expect(
        catalogue.some((line) => line.startsWith(`${what} | `)),
        what,
      ).toBe(true);
    }
    expect(await catalogueOf(byHand)).toEqual(catalogue);

    const role = uniqueName();
    await byHand.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p';
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}`);
    const { rows } = await byHand.query('SELECT current_database()::text AS name');
    const url = new URL(postgres.url);
    url.username = role;
    url.password = 'p';
    url.pathname = `/${String(rows[0]?.['name'])}`;
    const pool = await createPgPool({ connectionString: url.href });
    onTestFinished(() => pool.end());
    await expect(pool.query('CREATE TABLE mine (id INTEGER)')).rejects.toMatchObject({ code: expect.any(String) });
    const started = programOf(new PostgresProcessRecorder({ pool }));
    await started.setUp();
    expect((await started.migrator.status()).isCurrent).toBe(true);
    expect(await catalogueOf(byHand)).toEqual(catalogue);
  });

  test('is that of SQLite, whole', async () => {
    const { path, remove } = await makeTemporaryFolder();
    onTestFinished(remove);
    const database = await openNodeSqlite({ path: join(path, 'program.sqlite') });
    const original = programOf(new SqliteProcessRecorder(database));
    await original.setUp();
    database.close();
    const made = new DatabaseSync(join(path, 'hand.sqlite'));
    made.exec(schemaSql(original.options));
    made.close();
    const [byProgram, byHand] = ['program.sqlite', 'hand.sqlite'].map((file) => sqliteCatalogue(join(path, file)));
    expect(byProgram!.length).toBeGreaterThan(40);
    expect(byHand).toEqual(byProgram);

    // Nothing is created at a start.
    const again = await openNodeSqlite({ path: join(path, 'hand.sqlite') });
    const started = programOf(new SqliteProcessRecorder(again));
    expect((await started.migrator.status()).isCurrent).toBe(true);
    await started.setUp();
    again.close();
    expect(sqliteCatalogue(join(path, 'hand.sqlite'))).toEqual(byProgram);
  });
});

function sqliteCatalogue(path: string): readonly string[] {
  const database = new DatabaseSync(path);
  const schema = database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').all();
  const rows = [
    ...database.prepare('SELECT * FROM projection_checkpoints').all(),
    ...database.prepare('SELECT set_name, version, name, checksum, state FROM migration_ledger').all(),
  ];
  database.close();
  // As it is written, but for how lines are indented.
  return [...schema, ...rows].map((row) => JSON.stringify(row).replaceAll(/(\\n|\s)+/g, ' ')).sort();
}
