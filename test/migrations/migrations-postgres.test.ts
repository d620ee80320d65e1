/** Migrations where processes start at once, die in between, share a pooler, and find others’ locks. In a real PostgreSQL. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'rolldown';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Migrator } from '../../src/migrations/migrator.js';
import type { MigratorOptions } from '../../src/migrations/migrator-options.js';
import type { Migration } from '../../src/migrations/migration.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { migrationCases } from '../../src/testing/conformance/migration-cases.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { poolTransactions } from '../support/transaction-pooler.js';

const ROOT = join(import.meta.dirname, '../..');
const SERVERS = 10;

let postgres: PostgresFixture;
let program: string;

beforeAll(async () => {
  postgres = await openPostgres();
  // Below the project, so that what is not bundled is found.
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  program = join(ROOT, `.cache/migrating-server-${uniqueName()}.mjs`);
  await build({
    input: join(ROOT, 'test/support/migrating-server.ts'),
    platform: 'node',
    external: (id) => /^[^./]/.test(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'silent',
    output: { file: program, format: 'esm', codeSplitting: false },
  });
});
afterAll(async () => {
  rmSync(program, { force: true });
  await postgres.close();
});

/** A server's name, and its migrations as files. */
async function madeScene(files: Readonly<Record<string, (name: string) => string>>) {
  const name = uniqueName();
  const { path: folder, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  for (const [file, sql] of Object.entries(files)) await writeFile(join(folder, file), sql(name));
  const args = [program, postgres.url, name, folder];
  const start = async (): Promise<readonly { readonly version: number }[]> => {
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return JSON.parse(stdout) as readonly { readonly version: number }[];
  };
  return { name, folder, args, start };
}

function migratorOf(name: string, migrations: readonly Migration[], options: Partial<MigratorOptions> = {}): Migrator {
  return new Migrator({ recorder: postgres.recorder, ledgerTable: `${name}_ledger`, migrations, ...options });
}

async function countOf(sql: string, values: unknown[] = []): Promise<number> {
  return Number((await postgres.pool.query(sql, values)).rows[0]?.['count']);
}

async function backendOf(text: string): Promise<number | undefined> {
  const { rows } = await postgres.pool.query(
    "SELECT pid FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active' AND pid <> pg_backend_pid()",
    [`%${text}%`],
  );
  return rows[0]?.['pid'] as number | undefined;
}

test('ten servers that start at once migrate once, outside of transactions too, and all of them go on', async () => {
  const { name, start } = await madeScene({
    '0001_visits.up.sql': (of) => `CREATE TABLE ${of}_visits (at TIMESTAMPTZ DEFAULT now()); SELECT pg_sleep(0.3);`,
    '0002_visit.up.sql': (of) => `INSERT INTO ${of}_visits DEFAULT VALUES;`,
    '0003_visits_at.up.sql': (of) =>
      `-- daybook: no-transaction\nCREATE INDEX CONCURRENTLY ${of}_visits_at ON ${of}_visits (at);`,
    '0004_visit.up.sql': (of) => `INSERT INTO ${of}_visits DEFAULT VALUES;`,
  });
  const done = await Promise.all(Array.from({ length: SERVERS }, start));
  const versions = done.flat().map(({ version }) => version);
  expect(versions.sort()).toEqual([1, 2, 3, 4]);
  expect(await countOf(`SELECT count(*) FROM ${name}_visits`)).toBe(2);
  expect(await countOf(`SELECT count(*) FROM ${name}_ledger WHERE state = 'applied'`)).toBeGreaterThanOrEqual(
    4 + 2 + 5,
  );
  expect(await countOf('SELECT count(*) FROM pg_class WHERE relname = $1', [`${name}_outbox_pending`])).toBe(1);
});

test('a server that is killed in the midst of a migration leaves nothing of it, and the next one does it', async () => {
  const { name, args, start } = await madeScene({
    '0001_first.up.sql': (of) => `CREATE TABLE ${of}_first (id INT);`,
    '0002_second.up.sql': (of) => `CREATE TABLE ${of}_second (id INT); SELECT pg_sleep(3), '${of}';`,
  });
  const server = spawn(process.execPath, [...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  await expect.poll(() => backendOf(`pg_sleep(3), '${name}'`)).toBeDefined();
  server.kill('SIGKILL');
  await ended;
  expect(await countOf('SELECT count(*) FROM pg_class WHERE relname = $1', [`${name}_second`])).toBe(0);
  // The statement that it left goes on until PostgreSQL notices; whoever comes waits as long.
  expect((await start()).map(({ version }) => version)).toEqual([2]);
  expect(await countOf(`SELECT count(*) FROM ${name}_ledger WHERE set_name = 'application'`)).toBe(2);
});

test('one that is broken off outside of a transaction stops all who come, until somebody says what became of it', async () => {
  const name = uniqueName();
  const up = `-- daybook: no-transaction\nCREATE TABLE ${name}_a (id INT); SELECT pg_sleep(60), '${name}'; CREATE TABLE ${name}_b (id INT)`;
  const migrations = [{ version: 1, name: 'slow', up }];
  const migrator = migratorOf(name, migrations);
  const up1 = migrator.up().catch((error: unknown) => error);
  await expect.poll(() => backendOf(`pg_sleep(60), '${name}'`)).toBeDefined();
  // While it runs, it is under way and nothing is wrong: others wait.
  expect((await migrator.status()).migrations).toMatchObject([{ state: 'applying' }]);
  await expect(migratorOf(name, migrations, { waitMs: 300 }).up()).rejects.toMatchObject({
    ...{ code: 'OPERATIONAL_ERROR', details: { reason: 'locked' } },
  });
  await postgres.pool.query('SELECT pg_terminate_backend($1)', [await backendOf(`pg_sleep(60), '${name}'`)]);
  expect(await up1).toMatchObject({ code: 'MIGRATION_FAILED', details: { statement: 2, unfinished: true } });
  await expect(migrator.up()).rejects.toMatchObject({
    code: 'MIGRATION_UNFINISHED',
    details: { state: 'applying', version: 1 },
  });
  await expect(migrator.down({ mayLoseData: true })).rejects.toMatchObject({ code: 'MIGRATION_UNFINISHED' });
  await postgres.pool.query(`DROP TABLE ${name}_a`);
  await migrator.resolve(1, 'reverted');
  expect((await migrator.status()).migrations).toMatchObject([{ state: 'pending' }]);
  await expect(migrator.resolve(1, 'applied')).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
});

test('a statement that PostgreSQL refuses at once, outside of a transaction, leaves nothing to be looked after', async () => {
  const name = uniqueName();
  const up = `-- daybook: no-transaction\nCREATE INDEX CONCURRENTLY ${name}_i ON ${name}_nowhere (id)`;
  const migrator = migratorOf(name, [{ version: 1, name: 'nowhere', up }]);
  await expect(migrator.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED', details: { unfinished: false } });
  expect((await migrator.status()).migrations).toMatchObject([{ state: 'pending' }]);
});

test('a migration that finds a lock gives way, so that nobody waits behind it, and is done when the lock is free', async () => {
  const name = uniqueName();
  await postgres.pool.query(`CREATE TABLE ${name} (id INT)`);
  const writer = await postgres.pool.connect();
  await writer.query(`BEGIN; INSERT INTO ${name} VALUES (1)`);
  const migrations = [{ version: 1, name: 'more', up: `ALTER TABLE ${name} ADD COLUMN more INT` }];
  const migrated = migratorOf(name, migrations, { lockTimeoutMs: 200 }).up();
  await expect.poll(() => backendOf(`ALTER TABLE ${name}`)).toBeDefined();
  // It comes behind the migration, which waits for the writer.
  await postgres.pool.query(`INSERT INTO ${name} VALUES (2)`);
  expect(await countOf(`SELECT count(*) FROM ${name} WHERE id = 2`)).toBe(1);
  await writer.query('COMMIT');
  writer.release();
  expect(await migrated).toHaveLength(1);
});

test('where nothing is to be done, nothing is locked, and no transaction begun', async () => {
  const name = uniqueName();
  const migrations = [{ version: 1, name: 'one', up: `CREATE TABLE ${name} (id INT)` }];
  await migratorOf(name, migrations).up();
  const holder = await postgres.pool.connect();
  await holder.query(`BEGIN; LOCK TABLE ${name}_ledger, ${name} IN EXCLUSIVE MODE;
    SELECT pg_advisory_xact_lock(hashtextextended('daybook migrations "${name}_ledger"', 0))`);
  expect(await migratorOf(name, migrations, { waitMs: 0 }).up()).toEqual([]);
  await holder.query('ROLLBACK');
  holder.release();
});

test.each(migrationCases.map((one) => [one.name, one] as const))(
  'behind a pooler of transactions: %s',
  async (_, one) => {
    const { pool, close } = await poolTransactions(postgres.pool, 3);
    onTestFinished(close);
    await one.run({ recorder: new PostgresProcessRecorder({ pool, applicationName: postgres.name }) });
  },
);
