/** A table of engines and of what ends live queries over them: each end is defined, is told once, and leaves nothing behind. */
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import postgres from 'postgres';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { Environment } from '../../src/environment/environment.js';
import { LiveQueries } from '../../src/live/live-queries.js';
import type { LiveRecorder } from '../../src/live/live-queries.js';
import type { LiveQuery, LiveState } from '../../src/live/live-query.js';
import { MemoryFactory } from '../../src/persistence/memory/memory-factory.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import {
  pgliteDriver,
  PostgresProcessRecorder,
  postgresJsPool,
  singleClient,
} from '../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../src/persistence/postgres/index.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { NodeSqliteFactory } from '../../src/persistence/sqlite/node-sqlite-factory.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { PATIENTLY } from '../support/patience.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

type Recorder = LiveRecorder & { insertEvents(events: readonly StoredEvent[]): Promise<unknown> };

interface Opened {
  readonly recorder: Recorder;
  /** Closes the store beneath, and with which code its queries end. Left out where nothing closes it. */
  readonly end?: { readonly close: () => Promise<void> | void; readonly code: string };
}

async function overDatabase(database: SqliteDatabase): Promise<Opened> {
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  onTestFinished(() => database.close());
  return { recorder, end: { close: () => database.close(), code: 'INTERFACE_ERROR' } };
}

async function onPool(pool: PostgresPool): Promise<PostgresProcessRecorder> {
  const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
  await recorder.createTable();
  return recorder;
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  'SQLite on sql.js': async () => overDatabase(await openSqlJs()),
  'node:sqlite, a file': async () => {
    const { path, remove } = await makeTemporaryFolder();
    onTestFinished(remove);
    return overDatabase(await openNodeSqlite({ path: join(path, 'live.sqlite') }));
  },
  'SQLite by its factory': async () => {
    const factory = new NodeSqliteFactory(new Environment({ SQLITE_DBNAME: ':memory:' }));
    onTestFinished(() => factory.close());
    const recorder = await factory.processRecorder();
    return { recorder, end: { close: () => factory.close(), code: 'INTERFACE_ERROR' } };
  },
  PostgreSQL: async () => {
    const { recorder, close } = await openPostgres();
    onTestFinished(close);
    return { recorder, end: { close, code: 'CONNECTION_POOL_CLOSED' } };
  },
  'PostgreSQL by postgres of porsager': async () => {
    const pool = postgresJsPool((settings) => postgres(inject('pgUrl'), settings), { connectionsMax: 3 });
    onTestFinished(() => pool.end());
    return { recorder: await onPool(pool), end: { close: () => pool.end(), code: 'CONNECTION_POOL_CLOSED' } };
  },
  'PostgreSQL by one connection': async () => {
    const client = new pg.Client({ connectionString: inject('pgUrl') });
    await client.connect();
    onTestFinished(() => client.end().catch(() => undefined));
    const recorder = await onPool(singleClient(client));
    return { recorder, end: { close: () => client.end(), code: 'CONNECTION_POOL_CLOSED' } };
  },
  PGlite: async () => {
    const database = new PGlite();
    onTestFinished(async () => {
      if (!database.closed) await database.close();
    });
    const recorder = await onPool(pgliteDriver(database));
    return { recorder, end: { close: () => database.close(), code: 'CONNECTION_POOL_CLOSED' } };
  },
  memory: async () => ({ recorder: new MemoryProcessRecorder() }),
  'memory by its factory': async () => {
    const factory = new MemoryFactory(new Environment());
    const recorder = await factory.processRecorder();
    return { recorder, end: { close: () => factory.close(), code: 'INTERFACE_ERROR' } };
  },
};

interface Watched {
  readonly live: LiveQueries;
  readonly query: LiveQuery<number>;
  readonly states: readonly LiveState<number>[];
  readonly runs: () => number;
  /** How an iteration over the query ends: the error, or `undefined`. */
  readonly iteration: Promise<unknown>;
}

/** A query over a store, that has its first result, is subscribed to, and iterated over. */
async function watched(recorder: Recorder, signal?: AbortSignal): Promise<Watched> {
  const live = new LiveQueries({ recorder });
  onTestFinished(() => live.close());
  let runs = 0;
  const query = live.query(
    async (read) => {
      read.note({ log: true });
      return await Promise.resolve(++runs);
    },
    signal === undefined ? {} : { signal },
  );
  const states: LiveState<number>[] = [];
  onTestFinished(query.subscribe((state) => states.push(state)));
  await vi.waitFor(() => expect(query.value.status).toBe('current'), PATIENTLY);
  const iteration = (async () => {
    for await (const { error } of query) expect(error).toBeUndefined();
  })().then(
    () => undefined,
    (error: unknown) => error,
  );
  return { live, query, states, runs: () => runs, iteration };
}

function ends(states: readonly LiveState<number>[]): readonly LiveState<number>[] {
  return states.filter(({ status }) => status === 'ended');
}

describe.each(Object.entries(ENGINES))('live queries over %s', (_engine, open) => {
  test('end by close, without an error, and do not run any more', async () => {
    const { recorder } = await open();
    const { live, query, states, runs, iteration } = await watched(recorder);
    await live.close();
    await live.close();
    expect(await iteration).toBeUndefined();
    expect(ends(states)).toEqual([{ status: 'ended', data: expect.any(Number) as number, error: undefined }]);
    const before = runs();
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    live.refresh();
    await query.refresh().catch(() => undefined);
    expect(runs()).toBe(before);
    expect(live.query(() => Promise.resolve(1)).value.status).toBe('ended');
  });

  test('end by their signal, each for itself', async () => {
    const { recorder } = await open();
    const controller = new AbortController();
    const { live, query, states, runs, iteration } = await watched(recorder, controller.signal);
    let others = 0;
    const other = live.query((read) => {
      read.note({ log: true });
      return Promise.resolve(++others);
    });
    onTestFinished(other.subscribe(() => undefined));
    await vi.waitFor(() => expect(other.value.status).toBe('current'), PATIENTLY);
    controller.abort();
    expect(await iteration).toBeUndefined();
    expect([query.value.status, query.value.error]).toEqual(['ended', undefined]);
    expect(ends(states)).toHaveLength(1);
    const [before, othersBefore] = [runs(), others];
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await vi.waitFor(() => expect(others).toBeGreaterThan(othersBefore), PATIENTLY);
    expect(runs()).toBe(before);
  });

  test('end with the store, and say why, to whoever comes later too', async ({ skip }) => {
    const { recorder, end } = await open();
    if (end === undefined) return skip('nothing closes it');
    const { query, states, runs, iteration } = await watched(recorder);
    await end.close();
    expect(await iteration).toMatchObject({ code: end.code });
    expect(query.value).toMatchObject({
      status: 'ended',
      data: expect.any(Number) as number,
      error: { code: end.code },
    });
    expect(ends(states)).toHaveLength(1);
    const before = runs();
    const late = new LiveQueries({ recorder }).query(() => Promise.resolve(1));
    onTestFinished(late.subscribe(() => undefined));
    await vi.waitFor(() => expect(late.value).toMatchObject({ status: 'ended', error: { code: end.code } }), PATIENTLY);
    expect(runs()).toBe(before);
  });
});

test('a database whose driver tells nobody that it is closed goes on with what it has', async () => {
  const database = await openSqlJs();
  const silent: SqliteDatabase = {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => database.prepare(sql),
    close: () => database.close(),
  };
  const recorder = new SqliteProcessRecorder(silent);
  await recorder.createTable();
  const { query, live } = await watched(recorder);
  silent.close();
  expect(query.value.status).toBe('current');
  await live.close();
  expect(query.value.status).toBe('ended');
});
