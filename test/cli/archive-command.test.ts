/** `daybook archive`, as it is installed, on SQLite and PostgreSQL: also two at once, and killed. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { hashEvents } from '../../src/transfer/index.js';
import { installedCommand } from '../support/installed-command.js';
import type { Ran } from '../support/installed-command.js';
import { ManualClock } from '../support/manual-clock.js';
import { openPostgres, ownSchemaUrl, uniqueName } from '../support/postgres-fixture.js';
import { makeSqliteLog } from '../support/sqlite-log-fixture.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';

const DAY_MS = 86_400_000;
const ITEMS = 6;
const EVENTS = 8;

/** Of each item eight events on eight days, the snapshot at the last: of it seven may leave. */
async function fill(recorder: SqliteProcessRecorder | PostgresProcessRecorder) {
  const store = new SqlSnapshotStore({ recorder });
  const index = new SqlEventIndex({ recorder });
  for (const tables of [store, index]) await tables.createTables();
  const clock = new ManualClock();
  const start = clock.nowMs();
  const snapshots = { store, interval: 1_000 };
  const app = new Application({ recorder, aggregates: [stockItem], snapshots, inline: [index], clock });
  const ids = Array.from({ length: ITEMS }, () => crypto.randomUUID());
  for (let day = 0; day < EVENTS; day++) {
    for (const id of ids) await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } });
    clock.advance(DAY_MS);
  }
  for (const id of ids) await app.takeSnapshot(stockItem, id);
  return {
    hash: (await hashEvents(recorder)).hash,
    at: (days: number) => new Date(start + days * DAY_MS).toISOString(),
  };
}

const ENGINES = {
  async SQLite(folder: string) {
    const database = await openNodeSqlite({ path: join(folder, 'a.sqlite') });
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    const filled = await fill(recorder);
    database.close();
    return { ...filled, place: ['--sqlite', 'a.sqlite'] };
  },
  async PostgreSQL() {
    const url = await ownSchemaUrl();
    const pool = await createPgPool({ connectionString: url });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: 'shop' });
    await recorder.createTable();
    const filled = await fill(recorder);
    await pool.end();
    return { ...filled, place: ['--database-url', url, '--name', 'shop'] };
  },
} as const;

function lines({ stdout }: Ran): readonly Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.each(Object.keys(ENGINES))('%s', (engine) => {
  const open = async () => {
    const { folder, run } = await installedCommand();
    await mkdir(join(folder, 'archives'));
    const { place, hash, at } = await ENGINES[engine as keyof typeof ENGINES](folder);
    const archive = (...args: string[]): Promise<Ran> => {
      const isAction = args[0]?.startsWith('-') === false;
      return run('archive', ...(isAction ? [args[0]!] : []), ...place, ...args.slice(isAction ? 1 : 0));
    };
    return { folder, run, place, hash, at, archive };
  };

  test('what is older than a time leaves, is verified, fetched, and put back', async () => {
    const { folder, run, place, hash, at, archive } = await open();
    const stays = { notificationId: 3 * ITEMS + 1, time: at(3) };
    const dry = await archive('--before', at(3), '--dry-run');
    expect([dry.code, ...lines(dry)]).toEqual([
      0,
      {
        ...{ upTo: 3 * ITEMS, stays, dryRun: true, events: 3 * ITEMS, aggregates: ITEMS },
        ...{ stateBytes: expect.any(Number), firstId: 1, lastId: 3 * ITEMS },
      },
    ]);
    expect(lines(await archive('list'))).toEqual([]);
    const byIndex = ['--by', 'occurredAt', '--event-index', 'event_index'];
    const done = await archive('--before', at(3), ...byIndex, '--to', 'archives', '--max', '10');
    const [said] = lines(done) as [{ archives: readonly string[] }];
    expect(done.code).toBe(0);
    expect(said).toMatchObject({ upTo: 3 * ITEMS, stays, events: 3 * ITEMS, archives: { length: 2 } });
    expect(done.stderr).toContain('10 events have left');
    const listed = lines(await archive('list'));
    expect(listed.map(({ uri, events }) => [uri, events])).toEqual([
      [said.archives[0], 10],
      [said.archives[1], 8],
    ]);
    expect(await run('hash', ...place)).toMatchObject({ code: 1, stderr: expect.stringContaining('archive') });
    const sound = await archive('verify');
    expect([sound.code, lines(sound).map(({ isSound }) => isSound)]).toEqual([0, [true, true]]);
    const [first, second] = listed.map(({ id }) => String(id)) as [string, string];
    const fetched = await archive('fetch', '--id', first);
    const kept = await readFile(join(folder, 'archives', `${first}.ndjson`), 'utf8');
    expect([fetched.code, fetched.stdout]).toEqual([0, kept]);
    expect((await archive('fetch', '--id', first, '--to', 'one.ndjson')).code).toBe(0);
    expect(await readFile(join(folder, 'one.ndjson'), 'utf8')).toBe(kept);
    expect((await archive('fetch', '--id', first, '--to', 'one.ndjson')).code).toBe(1);
    // A file that was changed, and all of them elsewhere.
    await rename(join(folder, 'archives'), join(folder, 'moved'));
    expect(await archive('verify')).toMatchObject({ code: 1 });
    expect((await archive('verify', '--from', 'moved')).code).toBe(0);
    await writeFile(join(folder, 'moved', `${first}.ndjson`), kept.replace('quantity', 'quantitY'));
    const damaged = await archive('verify', '--from', 'moved');
    expect([damaged.code, lines(damaged).map(({ isSound }) => isSound)]).toEqual([1, [false, true]]);
    expect((await archive('fetch', '--id', first, '--from', 'moved')).code).toBe(1);
    expect((await archive('restore', '--id', first, '--from', 'moved')).code).toBe(1);
    await writeFile(join(folder, 'moved', `${first}.ndjson`), kept);
    const later = await archive('restore', '--id', first, '--from', 'moved');
    expect([later.code, later.stderr]).toEqual([1, expect.stringContaining(second)]);
    for (const id of [second, first]) {
      expect(lines(await archive('restore', '--id', id, '--from', 'moved'))).toMatchObject([{ id }]);
    }
    expect(lines(await run('hash', ...place))).toMatchObject([{ hash }]);
  }, 120_000);

  test('two at once, and begun again: each event is in one archive', async () => {
    const { run, place, hash, archive } = await open();
    const both = await Promise.all([1, 2].map(() => archive('--up-to', '1000', '--to', 'archives', '--max', '7')));
    for (const { code, stderr } of both)
      if (code !== 0) expect([code, stderr]).toEqual([1, expect.stringContaining('try again')]);
    expect(lines(await archive('--up-to', '1000', '--to', 'archives'))).toHaveLength(1);
    const archives = lines(await archive('list'));
    expect(archives.reduce((sum, { events }) => sum + Number(events), 0)).toBe((EVENTS - 1) * ITEMS);
    for (const { id } of archives.toReversed()) expect((await archive('restore', '--id', String(id))).code).toBe(0);
    expect(lines(await run('hash', ...place))).toMatchObject([{ hash }]);
  }, 120_000);

  test('killed after some of it, and begun again, nothing is lost', async () => {
    const { folder, run, place, hash, archive } = await open();
    const args = ['--up-to', '1000', '--to', 'archives', '--max', '10'];
    const begun = run.begin('archive', ...place, ...args);
    await begun.said(/events have left/);
    await begun.kill();
    const sound = await archive('verify');
    expect([sound.code, lines(sound).length > 0]).toEqual([0, true]);
    expect((await archive(...args)).code).toBe(0);
    const archives = lines(await archive('list'));
    expect(archives.reduce((sum, { events }) => sum + Number(events), 0)).toBe((EVENTS - 1) * ITEMS);
    // At most one more, which nothing names.
    expect((await readdir(join(folder, 'archives'))).length - archives.length).toBeLessThan(2);
    for (const { id } of archives.toReversed()) expect((await archive('restore', '--id', String(id))).code).toBe(0);
    expect(lines(await run('hash', ...place))).toMatchObject([{ hash }]);
  }, 120_000);
});

test('says what is wrong', async () => {
  const { folder, run } = await installedCommand();
  await ENGINES.SQLite(folder);
  const store = ['--sqlite', 'a.sqlite'];
  for (const args of [
    [...store],
    [...store, '--up-to', '1', '--before', '2025-01-01', '--dry-run'],
    [...store, '--up-to', '-1', '--dry-run'],
    [...store, '--before', 'yesterday', '--dry-run'],
    [...store, '--before', '2025-13-01', '--dry-run'],
    [...store, '--before', '2025-01-01T12:00', '--dry-run'],
    [...store, '--before', '2025-01-01', '--by', 'createdAt', '--dry-run'],
    [...store, '--up-to', '1', '--max', '0', '--dry-run'],
    [...store, '--up-to', '1'],
    [...store, '--up-to', '1', '--to', 'nowhere'],
    [...store, '--up-to', '1', '--dry-run', 'more'],
    ['--up-to', '1', '--dry-run'],
    ['remove', ...store],
    ['fetch', ...store],
    ['restore', ...store, '--id', 'none'],
  ]) {
    expect(await run('archive', ...args), args.join(' ')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('See daybook archive --help.'),
    });
  }
  expect(await run('archive', '--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Usage: daybook archive'),
  });
}, 60_000);

test('a log of units is refused, and its message names the way out', async () => {
  const { folder, run } = await installedCommand();
  const database = await openNodeSqlite({ path: join(folder, 'log.sqlite') });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  await makeSqliteLog(recorder);
  database.close();
  const inFile = await run('archive', '--sqlite', 'log.sqlite', '--up-to', '10', '--dry-run');
  expect([inFile.code, inFile.stderr]).toEqual([1, expect.stringContaining('DROP TABLE')]);
  await using postgres = await openPostgres();
  const applicationName = uniqueName();
  await makePostgresLog(postgres.pool, { applicationName });
  const store = ['--database-url', postgres.url, '--name', applicationName];
  const refused = await run('archive', ...store, '--up-to', '10', '--dry-run');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('DROP TABLE')]);
}, 60_000);
