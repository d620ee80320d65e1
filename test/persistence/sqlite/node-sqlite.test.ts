import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite-driver.js';
import type { SqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import {
  SqliteAggregateRecorder,
  SqliteApplicationRecorder,
  SqliteProcessRecorder,
} from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { expectSeparateRanges } from '../../../src/testing/conformance/log-reading.js';
import { makeTemporaryFolder } from '../../support/temporary-folder.js';

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let path: string;

beforeEach(async () => {
  folder = await makeTemporaryFolder();
  path = join(folder.path, 'events.sqlite');
});
afterEach(() => folder.remove());

async function open(lockTimeoutMs = 5_000): Promise<SqliteDatabase> {
  const database = await openNodeSqlite({ path, lockTimeoutMs });
  onTestFinished(() => {
    database.close();
  });
  return database;
}

describe('a file of node:sqlite', () => {
  test('is in WAL mode with full synchronisation, and stays so for the next connection', async () => {
    for (const database of [await open(), await open()]) {
      await new SqliteProcessRecorder(database).createTable();
      expect(database.prepare('PRAGMA journal_mode').all([])).toEqual([['wal']]);
      expect(database.prepare('PRAGMA synchronous').all([])).toEqual([[2]]);
      expect(database.prepare('PRAGMA busy_timeout').all([])).toEqual([[5_000]]);
    }
  });

  test('keeps what was recorded', async () => {
    const id = newOriginatorId();
    const first = await open();
    const recorder = new SqliteProcessRecorder(first);
    await recorder.createTable();
    await recorder.insertEvents([sampleEvent(id, 1)], { tracking: { applicationName: 'up', notificationId: 4 } });
    first.close();
    first.close();
    const reopened = new SqliteProcessRecorder(await open());
    await reopened.createTable();
    expect(await reopened.selectEvents(id)).toEqual([sampleEvent(id, 1)]);
    expect(await reopened.maxTrackingId('up')).toBe(4);
  });

  test('refuses to write, with the name of the error, while another connection does; readers go on', async () => {
    const [holder, database] = [await open(), await open(30)];
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    holder.exec('BEGIN IMMEDIATE');
    const locked = { code: 'OPERATIONAL_ERROR', details: { reason: 'locked' } };
    await expect(recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).rejects.toMatchObject({
      ...locked,
      message: expect.stringContaining('database is locked'),
    });
    await expect(recorder.transaction(async () => undefined)).rejects.toMatchObject(locked);
    expect(() => database.exec('CREATE TABLE own (value)')).toThrow('database is locked');
    expect(await recorder.maxNotificationId()).toBe(1);
    expect(await recorder.insertEvents([])).toEqual([]);
  });

  test('waits for another connection of the same thread without stopping it', async () => {
    const [first, second] = [new SqliteProcessRecorder(await open()), new SqliteProcessRecorder(await open())];
    await first.createTable();
    const order: string[] = [];
    const transaction = first.transaction(async (inner) => {
      await inner.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await new Promise((resolve) => setTimeout(resolve, 40));
      order.push('first');
    });
    const insert = second.insertEvents([sampleEvent(newOriginatorId(), 1)]).then((ids) => {
      order.push('second');
      return ids;
    });
    expect(await second.maxNotificationId().then(() => insert)).toEqual([2]);
    await transaction;
    expect(order).toEqual(['first', 'second']);
  });

  test('that cannot be opened is an OperationalError, and a time to wait that is none a ProgrammingError', async () => {
    const missing = openNodeSqlite({ path: join(folder.path, 'missing', 'events.sqlite') });
    await expect(missing).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    for (const lockTimeoutMs of [-1, Number.NaN, Infinity]) {
      await expect(openNodeSqlite({ path, lockTimeoutMs })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    }
    expect(existsSync(path)).toBe(false);
  });
});

describe('errors of node:sqlite', () => {
  test('are of the classes that say what went wrong', async () => {
    const database = await openNodeSqlite({ path: ':memory:' });
    const thrown = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return error;
      }
    };
    const one = database.prepare('SELECT ?');
    const codes = [
      () => database.exec('SELEC 1'),
      () => database.prepare('SELECT * FROM nowhere'),
      () => one.all([[1] as never]),
      () => database.prepare('SELECT 9007199254740993').all([]),
      () => {
        database.close();
        one.all([1]);
      },
      () => database.exec('SELECT 1'),
    ].map((work) => (thrown(work) as { code?: string }).code);
    expect(codes).toEqual([
      'OPERATIONAL_ERROR',
      'OPERATIONAL_ERROR',
      'PROGRAMMING_ERROR',
      'DATA_ERROR',
      'INTERFACE_ERROR',
      'INTERFACE_ERROR',
    ]);
  });
});

describe('several processes that write one file', () => {
  const PROCESSES = 3;
  const BATCHES = 40;

  test('exclude one another: every batch is a block of its own, and nothing is lost', { timeout: 60_000 }, async () => {
    const recorder = new SqliteApplicationRecorder(await open());
    await new SqliteProcessRecorder(await open()).createTable();
    const script = await bundledWriter();
    const outputs = await Promise.all(
      Array.from({ length: PROCESSES }, () =>
        promisify(execFile)(process.execPath, [script, path, String(BATCHES)], { encoding: 'utf8' }),
      ),
    );
    const batches = outputs.flatMap(({ stdout }) => JSON.parse(stdout) as number[][]);
    expect(batches).toHaveLength(PROCESSES * BATCHES);
    expectSeparateRanges(batches);
    const ids = (await recorder.selectNotifications({ start: 1, limit: 100_000 })).map(({ id }) => id);
    expect(ids).toEqual(batches.flat().sort((a, b) => a - b));
  });

  async function bundledWriter(): Promise<string> {
    const script = join(folder.path, 'writer.mjs');
    const bundle = await rolldown({
      input: fileURLToPath(new URL('../../support/file-writer.ts', import.meta.url)),
      platform: 'node',
      external: ['uuid', 'sql.js'],
    });
    await bundle.write({ file: script, format: 'esm' });
    await bundle.close();
    return script;
  }
});

describe('tables that were not created', () => {
  test('are an OperationalError of every call, and are there after createTable, which may be called again', async () => {
    const database = await openNodeSqlite({ path: ':memory:' });
    const id = newOriginatorId();
    const aggregate = new SqliteAggregateRecorder(database, { table: 'my "snapshots"' });
    const application = new SqliteApplicationRecorder(database, { eventsTable: 'my_events' });
    const recorder = new SqliteProcessRecorder(database);
    const calls = (): Promise<unknown>[] => [
      ...[aggregate, application, recorder].flatMap((each) => [
        each.insertEvents([]),
        each.insertEvents([sampleEvent(id, 1)]),
        each.selectEvents(id),
      ]),
      ...[application, recorder].flatMap((each) => [
        each.selectNotifications({ start: 1, limit: 1 }),
        each.maxNotificationId(),
      ]),
      recorder.maxTrackingId('up'),
      recorder.insertEvents([], { tracking: { applicationName: 'up', notificationId: 1 } }),
    ];
    for (const call of calls()) await expect(call).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    for (const each of [aggregate, application, recorder, aggregate, application, recorder]) await each.createTable();
    for (const call of calls()) await call;
    await expect(aggregate.insertEvents([sampleEvent(id, 2)])).resolves.toBeUndefined();
    database.close();
  });

  test('need names that SQLite takes', async () => {
    const database = await openNodeSqlite({ path: ':memory:' });
    for (const table of ['', 'a\0b', 'sqlite_mine']) {
      expect(() => new SqliteAggregateRecorder(database, { table })).toThrow(
        expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
      );
    }
    database.close();
  });
});
