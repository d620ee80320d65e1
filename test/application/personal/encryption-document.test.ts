/** docs/encryption.md: shown as it is, run on each engine, and nothing of the person found in any byte afterwards. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eraseFromSqlite } from '../../../examples/encryption/erase-from-sqlite.js';
import { forgetACustomer } from '../../../examples/encryption/forget-a-customer.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../../support/temporary-folder.js';
import { shownExamples } from '../../support/shown-examples.js';

const EXPECTED = ['(forgotten), Ulm', '(forgotten)', 'Ben Tal'];

test.each(shownExamples('docs/encryption.md'))('the document shows %s as it is', (_path, shown, actual) => {
  expect(shown).toBe(actual);
});

async function openSqlite() {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return { database, recorder };
}

test('a customer is forgotten on SQLite, down to the bytes of the file', async () => {
  const { database, recorder } = await openSqlite();
  const keys = await openSqlite();
  expect(await forgetACustomer(recorder, keys.recorder)).toEqual(EXPECTED);
  const image = new TextDecoder('latin1').decode(database.serialize());
  expect(image).toContain('Ben Tal');
  expect(image).not.toMatch(/Anna|Berg/);
  database.close();
  keys.database.close();
});

test('a customer is forgotten in SQLite files, down to the bytes of the file and its log', async () => {
  const folder = await makeTemporaryFolder();
  onTestFinished(() => folder.remove());
  const open = async (name: string) => {
    const database = await openNodeSqlite({ path: join(folder.path, name) });
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    onTestFinished(() => {
      database.close();
    });
    return recorder;
  };
  const inFiles = async (): Promise<string> => {
    const names = await readdir(folder.path);
    const files = await Promise.all(names.map((name) => readFile(join(folder.path, name), 'latin1')));
    return files.join('\n');
  };
  expect(await forgetACustomer(await open('events'), await open('keys'))).toEqual(EXPECTED);
  // The log has what the view was.
  expect(await inFiles()).toMatch(/Anna Berg/);
  for (const name of ['events', 'keys']) eraseFromSqlite(join(folder.path, name));
  expect(await inFiles()).toContain('Ben Tal');
  expect(await inFiles()).not.toMatch(/Anna|Berg/);
});

test('a customer is forgotten on PostgreSQL, in every row of every table', async () => {
  await using fixture = await openPostgres();
  const schema = uniqueName();
  await fixture.pool.query(`CREATE SCHEMA ${schema}`);
  const url = new URL(fixture.url);
  url.searchParams.set('options', `-c search_path=${schema}`);
  const pool = await createPgPool({ connectionString: url.href });
  onTestFinished(() => pool.end());
  const recorder = new PostgresProcessRecorder({ pool, applicationName: 'shop' });
  await recorder.createTable();
  const keys = await openSqlite();
  expect(await forgetACustomer(recorder, keys.recorder)).toEqual(EXPECTED);
  const { rows: tables } = await pool.query(`SELECT tablename FROM pg_tables WHERE schemaname = '${schema}'`);
  const rows = await Promise.all(
    tables.map(async ({ tablename }) => (await pool.query(`SELECT t::text AS row FROM "${String(tablename)}" t`)).rows),
  );
  const text = rows
    .flat()
    .map(({ row }) => String(row))
    .join('\n');
  expect(tables.length).toBeGreaterThan(3);
  expect(text).toContain('Ben Tal');
  expect(text).not.toMatch(/Anna|Berg/);
  expect(text).not.toContain(Buffer.from('Anna').toString('hex'));
  keys.database.close();
});
