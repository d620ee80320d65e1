import { describe, expect, test, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { cached, invalidation } from '../../src/application/cached.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import type { TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import type { SnapshotStore } from '../../src/persistence/snapshot-store.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { createSession } from '../../src/session/index.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

const ADD = { type: 'Add', data: { quantity: 5 } } as const;

const ENGINES: Readonly<Record<string, () => Promise<{ recorder: TransactionalRecorder<unknown>; close(): unknown }>>> =
  {
    memory: async () => ({ recorder: new MemoryProcessRecorder(), close: () => undefined }),
    ...(SQL_RECORDERS as unknown as Readonly<
      Record<string, () => Promise<{ recorder: TransactionalRecorder<unknown>; close(): unknown }>>
    >),
  };

/** Ways in which an application records in a transaction of the caller's. */
const WAYS: Readonly<
  Record<
    string,
    (
      recorder: TransactionalRecorder<unknown>,
      makeApp: (recorder: TransactionalRecorder<unknown>) => Application,
      work: (app: Application) => Promise<void>,
    ) => Promise<void>
  >
> = {
  'a session': async (recorder, makeApp, work) => {
    const session = createSession(recorder);
    const app = makeApp(session.recorder);
    await session.run(() => work(app));
  },
  'a lent transaction': async (recorder, makeApp, work) => {
    await recorder.transaction(async (transaction) => {
      await work(makeApp(transaction));
    });
  },
  'a transaction within one': async (recorder, makeApp, work) => {
    await recorder.transaction(async (outer) => {
      await outer.transaction(async (inner) => {
        await work(makeApp(inner));
      });
    });
  },
};

const cases = Object.keys(ENGINES).flatMap((engine) => Object.keys(WAYS).map((way) => [engine, way] as const));

describe.each(cases)('on %s, in %s', (engine, way) => {
  async function run(
    options: (recorder: TransactionalRecorder<unknown>) => Partial<ApplicationOptions>,
    work: (app: Application, id: string) => Promise<void>,
  ): Promise<{ error: unknown; id: string; read: Application; close(): unknown }> {
    const opened = await ENGINES[engine]!();
    const id = newOriginatorId();
    const makeApp = (recorder: TransactionalRecorder<unknown>): Application =>
      new Application({ recorder, aggregates: [testStock], ...options(opened.recorder) });
    const error: unknown = await WAYS[way]!(opened.recorder, makeApp, (app) => work(app, id)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, id, read: makeApp(opened.recorder), close: () => opened.close() };
  }

  test('whoever waits for the commit is told after it, once for each save', async () => {
    const told: string[] = [];
    const participant = { onCommitted: () => void told.push('committed'), onRolledBack: () => void told.push('no') };
    const { error, id, read, close } = await run(
      () => ({ inline: [participant] }),
      async (app, stockId) => {
        app.onRecorded(() => void told.push('recorded'));
        await app.execute(testStock, stockId, ADD);
        await app.execute(testStock, stockId, ADD);
        expect(told).toEqual([]);
      },
    );
    expect(error).toBeUndefined();
    expect(told).toEqual(['committed', 'recorded', 'committed', 'recorded']);
    expect((await read.repository.load(testStock, id)).version).toBe(2);
    await close();
  });

  test('nobody is told of a commit that never was, and memory keeps nothing of it', async () => {
    const told: string[] = [];
    const [outbox, index] = [new MemoryOutbox(), new MemoryEventIndex()];
    const snapshots = new MemorySnapshotStore();
    let eventId = '';
    const { error, id, close } = await run(
      () => ({
        inline: [outbox, index, { onCommitted: () => void told.push('yes'), onRolledBack: () => void told.push('no') }],
        snapshots: { store: snapshots, interval: 1 },
      }),
      async (app, stockId) => {
        app.onRecorded(() => void told.push('recorded'));
        const { events } = await app.execute(testStock, stockId, ADD);
        eventId = events[0]!.metadata.eventId;
        await expect(index.add([{ ...events[0]!, notificationId: 99 }])).rejects.toMatchObject({
          code: 'DUPLICATE_EVENT',
        });
        throw new RangeError('not this time');
      },
    );
    expect(error).toBeInstanceOf(RangeError);
    expect(told).toEqual(['no']);
    expect(await outbox.counts()).toEqual({ pending: 0, published: 0, failed: 0 });
    expect(await index.hasEvent(eventId)).toBe(false);
    expect(await snapshots.select(id)).toBeUndefined();
    await close();
  });

  test('an answer that is asked for meanwhile is not kept beyond the end', async () => {
    const opened = await ENGINES[engine]!();
    const id = newOriginatorId();
    const outside = new Application({ recorder: opened.recorder, aggregates: [testStock] });
    await outside.execute(testStock, id, ADD);
    let reader: Application = outside;
    const ask = cached(async (stockId: string) => (await reader.repository.load(testStock, stockId)).state.free, {
      tags: (stockId) => [stockId],
    });
    const inline = [invalidation([ask], ({ originatorId }) => [originatorId])];
    const makeApp = (recorder: TransactionalRecorder<unknown>): Application =>
      new Application({ recorder, aggregates: [testStock], inline });
    for (const commits of [false, true]) {
      const before = await ask(id);
      await WAYS[way]!(opened.recorder, makeApp, async (app) => {
        await app.execute(testStock, id, ADD);
        // Somebody else, who reads what is committed; kept before this transaction has ended.
        expect(await ask(id)).toBe(before);
        ask.clear();
        reader = app;
        expect(await ask(id)).toBe(before + 5);
        reader = outside;
        if (!commits) throw new RangeError('not this time');
      }).catch((error: unknown) => expect(error).toBeInstanceOf(RangeError));
      expect(await ask(id)).toBe(commits ? before + 5 : before);
    }
    await opened.close();
  });

  test('a snapshot of a store outside is kept after the commit, and waits for nobody', async () => {
    const failures: unknown[] = [];
    const opened = await ENGINES[engine]!();
    const { recorder } = opened;
    // In the database of the events, and not in the transaction, which holds the lock that it takes to write.
    const store =
      recorder.supports?.sql === true
        ? new SqlSnapshotStore({ recorder: recorder as SqlRecorder, table: `s${newOriginatorId().slice(0, 8)}` })
        : new MemorySnapshotStore();
    if (store instanceof SqlSnapshotStore) await store.createTables();
    const isWaiting = store instanceof SqlSnapshotStore && store.waitsForTransactions;
    // As of another recorder: what is of this one takes part, see `application-transaction-cases.ts`.
    const outside: SnapshotStore = {
      waitsForTransactions: isWaiting,
      select: (originatorId) => store.select(originatorId),
      upsert: (snapshot) => store.upsert(snapshot),
      remove: (originatorId) => store.remove(originatorId),
    };
    const onFailed = (failure: unknown): void => void failures.push(failure);
    const options = { snapshots: { store: outside, interval: 2, onFailed } };
    const makeApp = (lent: TransactionalRecorder<unknown>): Application =>
      new Application({ recorder: lent, aggregates: [testStock], ...options });
    const id = newOriginatorId();
    const startMs = performance.now();
    await WAYS[way]!(recorder, makeApp, async (app) => {
      for (let version = 1; version <= 4; version++) await app.execute(testStock, id, ADD);
      if (!isWaiting) expect(await store.select(id)).toBeUndefined();
    });
    // Whoever waits for a lock waits for five seconds.
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(await store.select(id)).toMatchObject({ originatorVersion: 4 });
    const texts = failures.map((failure) => String(failure));
    expect(texts.every((text) => text.startsWith('ProgrammingError: The snapshots are outside'))).toBe(true);
    expect(texts.length > 0).toBe(isWaiting);
    await opened.close();
  });
});

describe.each(Object.entries(SQL_RECORDERS))('snapshots by the recorder of a session on %s', (_name, open) => {
  test('are used inside of it, and one that cannot be read spoils nothing', async () => {
    const { recorder, close } = await open();
    const session = createSession(recorder);
    const failures: unknown[] = [];
    const store = new SqlSnapshotStore({ recorder: session.recorder, table: `s${newOriginatorId().slice(0, 8)}` });
    const app = new Application({
      recorder: session.recorder,
      aggregates: [testStock],
      snapshots: { store, interval: 2, onFailed: (_error, { action }) => void failures.push(action) },
    });
    const id = newOriginatorId();
    // There is no table yet.
    await session.run(async () => {
      await app.execute(testStock, id, ADD);
    });
    expect(failures.splice(0)).toEqual(['use']);
    await store.createTables();
    await session.run(async () => {
      await app.execute(testStock, id, ADD);
    });
    expect(await store.select(id)).toMatchObject({ originatorVersion: 2 });
    const select = vi.spyOn(store, 'select');
    const version = await session.run(async () => (await app.execute(testStock, id, ADD)).version);
    expect({ version, failures }).toEqual({ version: 3, failures: [] });
    expect(await select.mock.results[0]?.value).toMatchObject({ originatorVersion: 2 });
    await close();
  });
});

test('snapshots and their listeners that fail after the commit do not make the save fail', async () => {
  const errors = uncaughtErrors();
  const store = new MemorySnapshotStore();
  vi.spyOn(store, 'upsert').mockRejectedValue(new RangeError('no room'));
  const app = new Application({
    recorder: new MemoryProcessRecorder(),
    aggregates: [testStock],
    snapshots: {
      store,
      interval: 1,
      onFailed: (error) => {
        throw error;
      },
    },
  });
  expect(await app.execute(testStock, newOriginatorId(), ADD)).toMatchObject({ version: 1 });
  expect(errors.map(String)).toEqual(['RangeError: no room']);
  vi.restoreAllMocks();
});

test('an outbox of a session hints when its entries are there for others', async () => {
  const { recorder, close } = await SQL_RECORDERS['SQLite on sql.js']!();
  const session = createSession(recorder);
  const outbox = new SqlOutbox({ recorder: session.recorder });
  await outbox.createTables();
  const app = new Application({ recorder, aggregates: [testStock] });
  const id = newOriginatorId();
  await app.execute(testStock, id, ADD);
  const [event] = await app.repository.history(testStock, id);
  let hints = 0;
  outbox.onPending(() => {
    hints++;
  });
  await session.run(async () => {
    await outbox.enqueue([{ ...event!, notificationId: 1 }]);
    expect(hints).toBe(0);
  });
  expect(hints).toBe(1);
  await close();
});

test('a recorder that is made on the connection of a transaction hears of its end', async () => {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const told: string[] = [];
  await recorder.transaction(async (transaction) => {
    const joined = new SqliteProcessRecorder(transaction.connection);
    const inline = [{ onCommitted: () => void told.push('committed') }];
    const app = new Application({ recorder: joined, aggregates: [testStock], inline });
    await app.execute(testStock, newOriginatorId(), ADD);
    expect(told).toEqual([]);
  });
  expect(told).toEqual(['committed']);
  database.close();
});

describe('a memory event index', () => {
  test('takes one id once, also when asked at once', async () => {
    const index = new MemoryEventIndex();
    const eventId = newOriginatorId();
    const recorder = new MemoryProcessRecorder();
    const app = new Application({ recorder, aggregates: [testStock], inline: [index], newEventId: () => eventId });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3 }, () => app.execute(testStock, newOriginatorId(), ADD)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await recorder.maxNotificationId()).toBe(1);
    // Within one transaction as well, and what was taken back may come again.
    const other = new MemoryEventIndex();
    await recorder.transaction(async (transaction) => {
      const joined = new Application({
        ...{ recorder: transaction, aggregates: [testStock], inline: [other] },
        newEventId: () => 'one id',
      });
      const taken = transaction.transaction(async (inner) => {
        const innermost = new Application({
          ...{ recorder: inner, aggregates: [testStock], inline: [other] },
          newEventId: () => 'one id',
        });
        await innermost.execute(testStock, newOriginatorId(), ADD);
        throw new RangeError('not this');
      });
      await expect(taken).rejects.toThrow('not this');
      await joined.execute(testStock, newOriginatorId(), ADD);
      await expect(joined.execute(testStock, newOriginatorId(), ADD)).rejects.toMatchObject({
        code: 'DUPLICATE_EVENT',
      });
    });
    expect(await other.hasEvent('one id')).toBe(true);
  });
});
