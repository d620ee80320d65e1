/** `daybook export`, `import` and `hash`, as they are installed, on SQLite and PostgreSQL. */
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { hashEvents } from '../../src/transfer/index.js';
import { installedCommand } from '../support/installed-command.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';

async function sqliteOf(path: string, count: number): Promise<{ readonly hash: string }> {
  const database = await openNodeSqlite({ path });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  await recorder.insertEvents(makeEvents(count));
  const hashed = await hashEvents(recorder);
  database.close();
  return hashed;
}

test('a file from SQLite goes to PostgreSQL and back, with the same hash, also through pipes', async () => {
  const { folder, run } = await installedCommand();
  await using postgres = await openPostgres();
  const { hash } = await sqliteOf(join(folder, 'a.sqlite'), 1_234);
  const place = ['--database-url', postgres.url, '--name', `${postgres.name}_moved`];
  expect(await run('export', '--sqlite', 'a.sqlite', '--to', 'events.ndjson')).toMatchObject({
    code: 0,
    stdout: `${JSON.stringify({ events: 1_234, position: 1_234, hash })}\n`,
  });
  const imported = await run('import', ...place, '--from', 'events.ndjson');
  expect([imported.code, JSON.parse(imported.stdout)]).toEqual([
    0,
    { events: 1_234, position: 1_234, hash, stored: 1_234, moved: 0 },
  ]);
  expect(JSON.parse((await run('hash', ...place)).stdout)).toEqual({ events: 1_234, position: 1_234, hash });
  const out = await run('export', ...place);
  expect(JSON.parse(out.stderr)).toEqual({ events: 1_234, position: 1_234, hash });
  const back = await run.with(out.stdout)('import', '--sqlite', 'b.sqlite');
  expect(JSON.parse(back.stdout)).toMatchObject({ hash, stored: 1_234 });
  expect(JSON.parse((await run('import', '--sqlite', 'b.sqlite', '--from', 'events.ndjson')).stdout)).toMatchObject({
    stored: 0,
    hash,
  });
});

test('a file that was broken off goes on; one that is there is not written over', async () => {
  const { folder, run } = await installedCommand();
  const path = join(folder, 'events.ndjson');
  await sqliteOf(join(folder, 'a.sqlite'), 1_300);
  await run('export', '--sqlite', 'a.sqlite', '--to', 'events.ndjson');
  const whole = await readFile(path, 'utf8');
  expect(await run('export', '--sqlite', 'a.sqlite', '--to', 'events.ndjson')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('EEXIST'),
  });
  await truncate(path, Math.floor((await stat(path)).size * 0.7));
  expect((await run('export', '--sqlite', 'a.sqlite', '--to', 'events.ndjson', '--resume')).code).toBe(0);
  expect(await readFile(path, 'utf8')).toBe(whole);
  const complete = await run('export', '--sqlite', 'a.sqlite', '--to', 'events.ndjson', '--resume');
  expect(JSON.parse(complete.stdout)).toMatchObject({ events: 1_300 });
  expect(await readFile(path, 'utf8')).toBe(whole);
  await writeFile(path, 'something else\n');
  expect(await run('export', '--sqlite', 'a.sqlite', '--to', 'events.ndjson', '--resume')).toMatchObject({ code: 1 });
  expect(await readFile(path, 'utf8')).toBe('something else\n');
});

test('says what is wrong', async () => {
  const { folder, run } = await installedCommand();
  await sqliteOf(join(folder, 'a.sqlite'), 3);
  for (const args of [
    ['export'],
    ['export', '--sqlite', 'a.sqlite', '--from', 'x'],
    ['export', '--sqlite', 'a.sqlite', '--after', '-1'],
    ['export', '--sqlite', 'a.sqlite', '--resume'],
    ['import', '--sqlite', 'a.sqlite', '--database-url', 'postgres://localhost/x'],
    ['hash', '--sqlite', 'a.sqlite', 'more'],
    ['hash', '--sqlite', 'a.sqlite', '--none'],
  ]) {
    expect(await run(...args), args.join(' ')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`See daybook ${args[0]} --help.`),
    });
  }
  await writeFile(join(folder, 'cut'), '{"daybook":"events","format":1,"engine":"sqlite","after":0}\n{"pos');
  expect(await run('import', '--sqlite', 'a.sqlite', '--from', 'cut')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('was cut off'),
  });
  expect(await run('import', '--sqlite', 'a.sqlite', '--from', 'none')).toMatchObject({ code: 1 });
  expect(await run('import', '--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Usage: daybook import'),
  });
});
