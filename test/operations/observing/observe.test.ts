/** Statements that are watched, on real databases: nothing else is different. */
import { PGlite } from '@electric-sql/pglite';
import * as api from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { observeDatabase, observePool } from '../../../src/operations/index.js';
import type { ObserveOptions, SlowQuery } from '../../../src/operations/index.js';
import { createPgPool, pgliteDriver, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import type { SqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite.js';
import { openSqlJs, SqliteProcessRecorder } from '../../../src/persistence/sqlite/index.js';
import { aggregateRecorderCases } from '../../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../../src/testing/conformance/application-recorder-cases.js';
import { processRecorderCases } from '../../../src/testing/conformance/process-recorder-cases.js';
import { sqlRecorderCases } from '../../../src/testing/conformance/sql-recorder-cases.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { makeEvents } from '../../support/stored-events.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';

interface Watched {
  readonly recorder: SqlRecorder & { createTable(): Promise<void> };
  close(): Promise<void>;
}

const fail = (): Promise<never> => Promise.reject(new Error('nobody connects'));

/** By engine: a recorder whose statements are watched. */
const ENGINES: Readonly<Record<string, (options: ObserveOptions) => Promise<Watched>>> = {
  PostgreSQL: async (options) => {
    const pool = observePool(await createPgPool({ connectionString: inject('pgUrl') }), options);
    return { recorder: new PostgresProcessRecorder({ pool, applicationName: uniqueName() }), close: () => pool.end() };
  },
  PGlite: async (options) => {
    const database = new PGlite();
    const pool = observePool(pgliteDriver(database), options);
    return { recorder: new PostgresProcessRecorder({ pool }), close: () => database.close() };
  },
  'node:sqlite': async (options) => {
    const database = observeDatabase(await openNodeSqlite({ path: ':memory:' }), options);
    return { recorder: new SqliteProcessRecorder(database), close: closing(database) };
  },
  'SQLite on sql.js': async (options) => {
    const database = observeDatabase(await openSqlJs(), options);
    return { recorder: new SqliteProcessRecorder(database), close: closing(database) };
  },
};

function closing(database: SqliteDatabase): () => Promise<void> {
  return () => {
    database.close();
    return Promise.resolve();
  };
}

async function withWatched(
  engine: string,
  options: ObserveOptions,
  work: (recorder: Watched['recorder']) => Promise<void>,
): Promise<void> {
  const { recorder, close } = await (ENGINES[engine] as NonNullable<(typeof ENGINES)[string]>)(options);
  try {
    await recorder.createTable();
    await work(recorder);
  } finally {
    await close();
  }
}

for (const engine of ['PostgreSQL', 'node:sqlite', 'SQLite on sql.js']) {
  describeConformance(
    engine,
    async () => {
      const { recorder, close } = await (ENGINES[engine] as NonNullable<(typeof ENGINES)[string]>)({
        slowQueryMs: 0,
        onSlowQuery: () => undefined,
      });
      await recorder.createTable();
      return { context: { recorder }, close };
    },
    {
      'aggregate recorder': aggregateRecorderCases,
      'application recorder': applicationRecorderCases,
      'process recorder': processRecorderCases,
      'SQL recorder': sqlRecorderCases,
    },
    { variant: 'watched' },
  );
}

describe.each(Object.keys(ENGINES))('a slow statement: %s', (engine) => {
  test('is told with its duration, and with none of its values', async () => {
    const slow: SlowQuery[] = [];
    await withWatched(engine, { slowQueryMs: 0, onSlowQuery: (query) => slow.push(query) }, async (recorder) => {
      slow.length = 0;
      await recorder.insertEvents(makeEvents(2).map((event) => ({ ...event, topic: 'secret:Topic' })));
      await recorder.query("SELECT 'secret' AS text WHERE 1 = $1", [1]);
    });
    expect(slow.length).toBeGreaterThan(1);
    expect(slow.some(({ operation, text }) => operation === 'INSERT' && /insert into/i.test(text))).toBe(true);
    expect(slow.at(-1)).toMatchObject({
      text: expect.stringMatching(/^SELECT \? AS text WHERE \? = (?:\$1|\?)$/),
      operation: 'SELECT',
      code: undefined,
    });
    expect(slow.every(({ durationMs }) => durationMs >= 0)).toBe(true);
    expect(JSON.stringify(slow)).not.toContain('secret');
  });

  test('is told where it fails, too, with a code and without a message', async () => {
    const slow: SlowQuery[] = [];
    await withWatched(engine, { slowQueryMs: 0, onSlowQuery: (query) => slow.push(query) }, async (recorder) => {
      await expect(recorder.query("SELECT 'secret' FROM nowhere")).rejects.toThrow();
    });
    const failed = slow.filter(({ code }) => code !== undefined);
    expect(failed).toMatchObject([
      { operation: 'SELECT', code: engine.startsWith('P') ? '42P01' : 'OPERATIONAL_ERROR' },
    ]);
  });

  test('is not told below the limit', async () => {
    const slow: SlowQuery[] = [];
    await withWatched(engine, { slowQueryMs: 600_000, onSlowQuery: (query) => slow.push(query) }, async (recorder) => {
      await recorder.insertEvents(makeEvents(3));
    });
    expect(slow).toEqual([]);
  });
});

test('a statement that waits is as slow as it waits', async () => {
  const slow: SlowQuery[] = [];
  await withWatched('PostgreSQL', { slowQueryMs: 150, onSlowQuery: (query) => slow.push(query) }, async (recorder) => {
    await recorder.query('SELECT pg_sleep(0.2)');
    await recorder.query('SELECT pg_sleep(0)');
  });
  expect(slow).toMatchObject([{ text: 'SELECT pg_sleep(?)' }]);
  expect(slow[0]?.durationMs).toBeGreaterThanOrEqual(190);
});

test('a function that fails is reported, and the statement has succeeded', async () => {
  const errors = uncaughtErrors();
  const onSlowQuery = (): never => {
    throw new RangeError('of a user');
  };
  await withWatched('node:sqlite', { slowQueryMs: 0, onSlowQuery }, async (recorder) => {
    expect((await recorder.query('SELECT 7 AS n')).rows).toEqual([{ n: 7 }]);
  });
  vi.restoreAllMocks();
  expect(errors.map(String)).toContain('RangeError: of a user');
});

describe('OpenTelemetry', () => {
  const spans = new InMemorySpanExporter();
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  let meters: MeterProvider;

  beforeAll(() => {
    api.trace.setGlobalTracerProvider(
      new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
    );
    const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 });
    meters = new MeterProvider({ readers: [reader] });
    api.metrics.setGlobalMeterProvider(meters);
  });
  beforeEach(() => spans.reset());
  afterAll(() => {
    api.trace.disable();
    api.metrics.disable();
  });

  test.each([
    ['PostgreSQL', 'postgresql', '42P01'],
    ['node:sqlite', 'sqlite', 'OPERATIONAL_ERROR'],
  ])('%s: has a span of each statement, without values, and how long they took', async (engine, system, code) => {
    await withWatched(engine, { telemetry: api }, async (recorder) => {
      spans.reset();
      await recorder.query("SELECT 'secret' AS text");
      await recorder.insertEvents(makeEvents(1));
      await expect(recorder.query('SELECT 1 FROM nowhere')).rejects.toThrow();
    });
    const finished = spans.getFinishedSpans();
    expect(finished[0]).toMatchObject({
      name: 'SELECT',
      kind: api.SpanKind.CLIENT,
      attributes: { 'db.system.name': system, 'db.operation.name': 'SELECT', 'db.query.text': 'SELECT ? AS text' },
    });
    expect(finished.map(({ name }) => name)).toContain('INSERT');
    const refused = finished.find(({ status }) => status.code === api.SpanStatusCode.ERROR);
    expect(refused?.attributes['error.type']).toBe(code);
    expect(JSON.stringify(finished.map(({ attributes }) => attributes))).not.toContain('secret');

    await meters.forceFlush();
    const descriptors =
      metrics
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    const points = descriptors
      .filter(({ descriptor }) => descriptor.name === 'db.client.operation.duration')
      .flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes))
      .filter((attributes) => attributes['db.system.name'] === system);
    expect(points).toContainEqual({ 'db.system.name': system, 'db.operation.name': 'INSERT' });
    expect(points).toContainEqual({ 'db.system.name': system, 'db.operation.name': 'SELECT', 'error.type': code });
  });
});

test('without anybody who wants to know, the pool and the database are themselves', async () => {
  await using pool = await createPgPool({ connectionString: inject('pgUrl') });
  expect(observePool(pool, {})).toBe(pool);
  const database = await openSqlJs();
  expect(observeDatabase(database, {})).toBe(database);
  database.close();
});

test.each([
  ['slowQueryMs', { slowQueryMs: 5 }],
  ['slowQueryMs', { slowQueryMs: -1, onSlowQuery: () => undefined }],
  ['slowQueryMs', { slowQueryMs: '5' as never, onSlowQuery: () => undefined }],
  ['onSlowQuery', { onSlowQuery: 'log' as never }],
  ['telemetry', { telemetry: {} as never }],
])('%s that makes no sense is refused', async (_, options) => {
  const database = await openSqlJs();
  expect(() => observeDatabase(database, options)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  expect(() => observePool({ connect: fail, query: fail }, options)).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
  );
  database.close();
});
