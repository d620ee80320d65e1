/** Readers beside the writer of one recorder, on real files: what they see, and who waits for whom. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite-driver.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { OpenedSqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { makeTemporaryFolder } from '../../support/temporary-folder.js';

let path: string;
const cleanUps: (() => unknown)[] = [];

beforeEach(async () => {
  const folder = await makeTemporaryFolder();
  path = join(folder.path, 'events.sqlite');
  cleanUps.push(() => folder.remove());
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

interface Opened {
  readonly database: OpenedSqliteDatabase;
  readonly recorder: SqliteProcessRecorder;
}

async function open(options: { readonly readers?: number; readonly lockTimeoutMs?: number } = {}): Promise<Opened> {
  const database = await openNodeSqlite({ path, ...options });
  cleanUps.push(() => database.close());
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return { database, recorder };
}

/** Something that stays open until it is told to end. */
function gate(): { readonly opened: Promise<void>; readonly done: Promise<void>; enter(): void; end(): void } {
  const [opened, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return { opened: opened.promise, done: done.promise, enter: () => opened.resolve(), end: () => done.resolve() };
}

const oneEvent = (): ReturnType<typeof sampleEvent>[] => [sampleEvent(newOriginatorId(), 1)];
const all = { start: 1, limit: 10_000 } as const;

describe('beside a transaction that is open, reads of the same recorder', () => {
  it('do not wait for its end, and see what was committed', async () => {
    const { recorder } = await open({ lockTimeoutMs: 60_000 });
    const [event] = oneEvent();
    const id = event!.originatorId;
    await recorder.insertEvents([event!]);
    await recorder.query('CREATE TABLE orders (id TEXT)');
    const { opened, done, enter, end } = gate();
    const transaction = recorder.transaction(async (tx) => {
      await tx.insertEvents([sampleEvent(id, 2)], { tracking: { applicationName: 'up', notificationId: 7 } });
      await tx.connection.query("INSERT INTO orders VALUES ('a')");
      enter();
      await done;
    });
    await opened;
    // Each of them would wait for a minute, and then be refused.
    expect(await recorder.selectEvents(id)).toHaveLength(1);
    expect(await recorder.selectNotifications(all)).toHaveLength(1);
    expect(await recorder.maxNotificationId()).toBe(1);
    expect(await recorder.maxTrackingId('up')).toBe(0);
    expect(await recorder.hasTrackingId('up', 7)).toBe(false);
    expect((await recorder.query('SELECT count(*) AS n FROM orders')).rows).toEqual([{ n: 0 }]);
    end();
    await transaction;
    expect(await recorder.selectEvents(id)).toHaveLength(2);
    expect(await recorder.maxTrackingId('up')).toBe(7);
    expect((await recorder.query('SELECT count(*) AS n FROM orders')).rows).toEqual([{ n: 1 }]);
  });

  it('may be made inside of it, and read what was before it', async () => {
    const { recorder } = await open();
    const [event] = oneEvent();
    await recorder.transaction(async (tx) => {
      await tx.insertEvents([event!]);
      expect(await recorder.selectEvents(event!.originatorId)).toEqual([]);
      expect(await tx.selectEvents(event!.originatorId)).toHaveLength(1);
    });
  });

  it('wait for their turn where there are no readers, or the last one is lent', async () => {
    for (const readers of [0, 1]) {
      const { recorder, database } = await open({ readers, lockTimeoutMs: 50 });
      const lent = gate();
      const reading =
        readers === 0
          ? undefined
          : recorder.transaction(
              async () => {
                lent.enter();
                await lent.done;
              },
              { writer: false },
            );
      if (reading !== undefined) await lent.opened;
      await recorder.transaction(async () => {
        await expect(recorder.maxNotificationId()).rejects.toMatchObject({ details: { reason: 'locked' } });
      });
      lent.end();
      await reading;
      database.close();
    }
  });

  it('find what the writer’s connection alone has, and what it refuses is refused', async () => {
    const { recorder } = await open();
    await recorder.query('CREATE TEMP TABLE mine AS SELECT 1 AS one');
    const { opened, done, enter, end } = gate();
    const transaction = recorder.transaction(async () => {
      enter();
      await done;
    });
    await opened;
    const own = recorder.query('SELECT one FROM mine');
    const written = recorder.query('WITH n AS (SELECT 2 AS two) INSERT INTO mine SELECT two FROM n RETURNING one');
    const refused = expect(recorder.query('SELECT one FROM nowhere')).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
    });
    end();
    await transaction;
    expect((await own).rows).toEqual([{ one: 1 }]);
    expect((await written).rows).toEqual([{ one: 2 }]);
    await refused;
  });
});

describe('a transaction that only reads', () => {
  it('sees one moment, while commits go on and do not wait for it', async () => {
    const { recorder } = await open({ lockTimeoutMs: 60_000 });
    await recorder.insertEvents(oneEvent());
    await recorder.transaction(
      async (reading) => {
        const ids: number[] = [];
        for (let round = 0; round < 100; round++) {
          await recorder.insertEvents(oneEvent());
          ids.push(await reading.maxNotificationId());
          expect(await reading.selectNotifications(all)).toHaveLength(1);
        }
        expect(new Set(ids)).toEqual(new Set([1]));
        const { rows } = await reading.connection.query('SELECT count(*) AS n FROM stored_events');
        expect(rows).toEqual([{ n: 1 }]);
        expect(await recorder.maxNotificationId()).toBe(101);
      },
      { writer: false },
    );
  });

  it('begins while another one writes, and is of the moment before that', async () => {
    const { recorder } = await open({ lockTimeoutMs: 60_000 });
    const written = gate();
    const writing = recorder.transaction(async (tx) => {
      await tx.insertEvents(oneEvent());
      written.enter();
      await written.done;
    });
    await written.opened;
    await recorder.transaction(
      async (reading) => {
        written.end();
        await writing;
        expect(await recorder.maxNotificationId()).toBe(1);
        expect(await reading.selectNotifications(all)).toEqual([]);
      },
      { writer: false },
    );
  });

  it('refuses what writes, and stores nothing', async () => {
    const { recorder } = await open();
    const databases = [recorder, new SqliteProcessRecorder(await openSqlJs())];
    await databases[1]?.createTable();
    for (const one of databases) {
      const reading = one.transaction(
        async (tx) => {
          await expect(tx.connection.query('CREATE TABLE mine (id TEXT)')).rejects.toMatchObject({
            code: 'OPERATIONAL_ERROR',
          });
          await tx.insertEvents(oneEvent());
        },
        { writer: false },
      );
      await expect(reading).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
      expect(await one.maxNotificationId()).toBe(0);
      // The connection is as it was.
      expect(await one.insertEvents(oneEvent())).toEqual([1]);
    }
  });

  it('waits for a connection, first come first, and heeds its signal', async () => {
    const { recorder } = await open({ readers: 1, lockTimeoutMs: 60_000 });
    const order: string[] = [];
    const first = gate();
    const reading = recorder.transaction(
      async () => {
        first.enter();
        await first.done;
        order.push('first');
      },
      { writer: false },
    );
    await first.opened;
    const given = new AbortController();
    const gaveUp = expect(
      recorder.transaction(async () => void order.push('given up'), { writer: false, signal: given.signal }),
    ).rejects.toThrow('Enough.');
    const later = ['second', 'third'].map((name) =>
      recorder.transaction(async () => void order.push(name), { writer: false }),
    );
    given.abort(new Error('Enough.'));
    await gaveUp;
    first.end();
    await Promise.all([reading, ...later]);
    expect(order).toEqual(['first', 'second', 'third']);
    const early = recorder.transaction(async () => void order.push('never'), {
      writer: false,
      signal: AbortSignal.abort(new Error('Before.')),
    });
    await expect(early).rejects.toThrow('Before.');
    expect(order).toHaveLength(3);
  });

  it('is refused by name when no connection becomes free in time, and after the database was closed', async () => {
    const { recorder, database } = await open({ readers: 1, lockTimeoutMs: 20 });
    await recorder.transaction(
      async () => {
        await expect(recorder.transaction(async () => 1, { writer: false })).rejects.toMatchObject({
          code: 'CONNECTION_UNAVAILABLE',
          details: { readersMax: 1, lockTimeoutMs: 20 },
        });
      },
      { writer: false },
    );
    database.close();
    await expect(recorder.transaction(async () => 1, { writer: false })).rejects.toMatchObject({
      code: 'INTERFACE_ERROR',
    });
  });

  it('is refused with a word that is neither yes nor no, and so is a number of readers', async () => {
    const { recorder } = await open();
    const wrong = recorder.transaction(async () => 1, { writer: 'no' as never });
    await expect(wrong).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option: 'writer' } });
    for (const readers of [-1, 1.5, 101, '4' as never]) {
      await expect(openNodeSqlite({ path, readers })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    }
  });
});

it('a long read on another thread does not hold commits up, and sees whole calls only', async () => {
  const { recorder } = await open();
  await recorder.insertEvents(Array.from({ length: 50 }, () => oneEvent()[0]!));
  const worker = new Worker(LONG_READ, { eval: true, workerData: { path } });
  cleanUps.push(() => worker.terminate());
  const begun = Promise.withResolvers<void>();
  const read = Promise.withResolvers<number>();
  worker.on('message', (message: 'begun' | number) => (message === 'begun' ? begun.resolve() : read.resolve(message)));
  worker.on('error', read.reject);
  await begun.promise;
  const state = { isReading: true };
  let commits = 0;
  void read.promise.finally(() => (state.isReading = false));
  while (state.isReading) {
    await recorder.insertEvents(Array.from({ length: 50 }, () => oneEvent()[0]!));
    commits++;
    // The worker's message comes in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await read.promise) % 50).toBe(0);
  expect(commits).toBeGreaterThan(0);
  expect(await recorder.maxNotificationId()).toBe(50 + commits * 50);
});

it('two readers in one recorder that tail ten writers miss nothing, transactions and reading ones among them', async () => {
  const { recorder } = await open({ lockTimeoutMs: 60_000 });
  const total = 10 * 30;
  const writers = Array.from({ length: 10 }, async (_, writer) => {
    for (let round = 0; round < 30; round++) {
      if (writer % 2 === 0) await recorder.insertEvents(oneEvent());
      else await recorder.transaction((tx) => tx.insertEvents(oneEvent()));
    }
  });
  const tail = async (select: (start: number) => Promise<readonly { readonly id: number }[]>): Promise<number[]> => {
    const seen: number[] = [];
    while (seen.length < total) {
      const page = await select((seen.at(-1) ?? 0) + 1);
      seen.push(...page.map(({ id }) => id));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return seen;
  };
  const [plain, snapshots] = await Promise.all([
    tail((start) => recorder.selectNotifications({ start, limit: 7 })),
    tail((start) => recorder.transaction((tx) => tx.selectNotifications({ start, limit: 7 }), { writer: false })),
    ...writers,
  ]);
  const ids = Array.from({ length: total }, (_, index) => index + 1);
  expect(plain).toEqual(ids);
  expect(snapshots).toEqual(ids);
});

// A statement that takes about a second, and counts the events twice: at its beginning and at its end.
const LONG_READ = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(workerData.path, { readOnly: true });
  database.exec('BEGIN');
  const count = () => database.prepare('SELECT count(*) AS n FROM stored_events').get().n;
  const before = count();
  parentPort.postMessage('begun');
  database.prepare('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 4000000) SELECT count(*) AS n FROM c').get();
  const after = count();
  if (before !== after) throw new Error('two moments: ' + before + ' and ' + after);
  database.exec('COMMIT');
  database.close();
  parentPort.postMessage(before);
`;
