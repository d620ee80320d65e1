/** The layouts of all releases, ours and an application's, as they were left: each is brought to today's, and keeps its rows. */
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const FOLDER = join(import.meta.dirname, 'layouts');
const layoutsOf = (engine: string): readonly string[] =>
  readdirSync(FOLDER).filter((file) => file.endsWith(`-${engine}.sql`));

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

async function migrate(url: string): Promise<string> {
  const { path: folder, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  await writeFile(join(folder, '0001_orders.up.sql'), 'CREATE TABLE orders (id TEXT PRIMARY KEY);\n');
  await writeFile(join(folder, '0002_notes.up.sql'), "ALTER TABLE orders ADD COLUMN note TEXT NOT NULL DEFAULT '';\n");
  const lines: string[] = [];
  const args = ['migrate', 'up', '--database-url', url, '--folder', folder, '--name', 'shop', '--tables', 'all'];
  const code = await runCli(COMMANDS, args, {
    ...{ environment: {}, packageFolder: '.', signal: new AbortController().signal },
    write: (line) => lines.push(line),
    warn: (line) => lines.push(line),
  });
  expect([code, lines]).toEqual([0, expect.anything()]);
  return lines.join('\n').replaceAll(/ in \d+ ms/g, '');
}

test.each(layoutsOf('postgres'))('%s', async (file) => {
  const [old, fresh] = [uniqueName(), uniqueName()];
  for (const schema of [old, fresh]) await postgres.pool.query(`CREATE SCHEMA ${schema}`);
  const urlOf = (schema: string): string => {
    const url = new URL(postgres.url);
    url.searchParams.set('options', `-c search_path=${schema}`);
    return url.href;
  };
  const client = await postgres.pool.connect();
  await client.query(`SET search_path = ${old};\n${readFileSync(join(FOLDER, file), 'utf8')};\nRESET search_path`);
  client.release();
  const recorder = new PostgresProcessRecorder({ pool: postgres.pool, applicationName: 'shop', schema: old });
  const events = makeEvents(3);
  await recorder.insertEvents(events);
  expect(await migrate(urlOf(old))).toBe('up 2 notes');
  expect(await migrate(urlOf(fresh))).toBe('up 1 orders\nup 2 notes');
  const shown = async (schema: string): Promise<readonly unknown[]> => {
    const { rows } = await postgres.pool.query(
      `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS line
         FROM information_schema.columns WHERE table_schema = $1
       UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY 1`,
      [schema],
    );
    return rows.map(({ line }) => String(line).replaceAll(`${schema}.`, ''));
  };
  expect(await shown(old)).toEqual(await shown(fresh));
  expect(await recorder.selectEvents(events[0]?.originatorId ?? '')).toEqual(
    events.filter(({ originatorId }) => originatorId === events[0]?.originatorId),
  );
  expect((await postgres.pool.query(`SELECT id, note FROM ${old}.orders`)).rows).toEqual([{ id: 'first', note: '' }]);
});

test.each(layoutsOf('sqlite'))('%s', async (file) => {
  const { path: folder, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  const [old, fresh] = [`${folder}/old.db`, `${folder}/fresh.db`];
  const database = await openNodeSqlite({ path: old });
  database.exec(readFileSync(join(FOLDER, file), 'utf8'));
  const recorder = new SqliteProcessRecorder(database);
  const events = makeEvents(3);
  await recorder.insertEvents(events);
  expect(await migrate(`sqlite:///${old}`)).toBe('up 2 notes');
  expect(await migrate(`sqlite:///${fresh}`)).toBe('up 1 orders\nup 2 notes');
  const freshDatabase = await openNodeSqlite({ path: fresh });
  const shown = (of: typeof database): unknown =>
    of
      .prepare(
        `SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
          UNION ALL SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY 1`,
      )
      .all([]);
  expect(shown(database)).toEqual(shown(freshDatabase));
  expect(await recorder.maxNotificationId()).toBe(3);
  expect((await recorder.query('SELECT id, note FROM orders')).rows).toEqual([{ id: 'first', note: '' }]);
  for (const one of [database, freshDatabase]) one.close();
});

test('there is a layout of each engine, so that the above is about something', () => {
  for (const engine of ['postgres', 'sqlite']) expect(layoutsOf(engine)).toContain(`0.1.0-${engine}.sql`);
});
