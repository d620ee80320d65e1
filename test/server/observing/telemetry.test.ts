import * as api from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSyncServer, MemoryUnitLog } from '../../../src/server/index.js';
import type { SyncServerOptions, TelemetryApi } from '../../../src/server/index.js';
import { RequestTrace, Telemetry } from '../../../src/server/observing/telemetry.js';
import type { PendingUnit } from '../../../src/persistence/unit.js';
import { NaiveUnitLog, pendingUnit, pendingUnits, postUnits, pushRequest } from '../../support/unit-wire.js';

const spans = new InMemorySpanExporter();
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
// Each test has meters of its own, so that it counts from 0.
let meters: MeterProvider;
let telemetry: TelemetryApi;

beforeAll(() => {
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  api.trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
  );
});

afterAll(() => {
  api.trace.disable();
  api.propagation.disable();
  api.metrics.disable();
});

beforeEach(() => {
  spans.reset();
  metrics.reset();
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 });
  meters = new MeterProvider({ readers: [reader] });
  api.metrics.disable();
  api.metrics.setGlobalMeterProvider(meters);
  telemetry = api;
});

const serve = (options: Partial<SyncServerOptions> = {}): ReturnType<typeof createSyncServer> =>
  createSyncServer({
    unitLog: new MemoryUnitLog(),
    tokens: ['secret-token'],
    log: vi.fn(),
    telemetry,
    ...options,
  });
const push = (server: ReturnType<typeof createSyncServer>, headers: Record<string, string> = {}, count = 3) =>
  postUnits(server.fetch, pendingUnits(count), { authorization: 'Bearer secret-token', ...headers });

/** What was measured, by name, with the attributes as a text. */
async function measured(): Promise<Record<string, Record<string, unknown>>> {
  await meters.forceFlush();
  const found: Record<string, Record<string, unknown>> = {};
  for (const { metrics: ofScope } of metrics.getMetrics().at(-1)?.scopeMetrics ?? []) {
    for (const { descriptor, dataPoints } of ofScope) {
      const points = dataPoints.map(({ attributes, value }) => {
        const shown = typeof value === 'object' && 'count' in value ? value.count : value;
        return [Object.values(attributes).join(' '), shown] as const;
      });
      found[descriptor.name] = Object.fromEntries(points);
    }
  }
  return found;
}

describe('traces', () => {
  it('have a span of the request, below the sender’s, and one of the transaction below it', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect((await push(serve(), { traceparent, 'x-request-id': 'request-0001' })).status).toBe(200);
    const [transaction, request] = spans.getFinishedSpans();
    expect(request).toMatchObject({
      name: 'POST',
      kind: api.SpanKind.SERVER,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v2/push',
        'http.response.status_code': 200,
        'daybook.request_id': 'request-0001',
      },
      parentSpanContext: { spanId: 'b7ad6b7169203331' },
    });
    expect(request?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(transaction).toMatchObject({
      name: 'daybook.transaction',
      parentSpanContext: { spanId: request?.spanContext().spanId },
    });
  });

  it('say what is the server’s fault, and not what was sent wrongly', async () => {
    const unitLog = new MemoryUnitLog();
    unitLog.push = () => Promise.reject(new TypeError('secret'));
    expect((await push(serve({ unitLog }))).status).toBe(500);
    expect((await push(serve(), { authorization: 'Bearer wrong' })).status).toBe(401);
    const [transaction, failed, refused] = spans.getFinishedSpans();
    expect([transaction, failed].map((span) => span?.status.code)).toEqual([2, 2]);
    expect(failed?.attributes['error.type']).toBe('SYNC_ERROR');
    expect(refused?.status.code).toBe(0);
    expect(refused?.attributes['error.type']).toBe('UNAUTHORIZED');
    expect(
      JSON.stringify(spans.getFinishedSpans().map(({ attributes, events, status }) => [attributes, events, status])),
    ).not.toMatch(/secret|wrong/);
  });

  it('end when the last byte is sent, or nobody wants it any more', async () => {
    const { fetch } = serve();
    const request = new Request('http://server.test/v2/push', { method: 'GET' });
    const response = await fetch(request);
    expect(spans.getFinishedSpans()).toHaveLength(0);
    await response.body?.cancel();
    expect(spans.getFinishedSpans()).toHaveLength(1);
  });
});

describe('metrics', () => {
  it('count requests, events and bytes, and how long things took', async () => {
    const unitLog = new MemoryUnitLog();
    const server = serve({ unitLog });
    await push(server);
    await push(server, {}, 2);
    await push(server, { authorization: 'Bearer wrong' });
    unitLog.push = () => Promise.reject(new TypeError('odd'));
    expect((await push(server)).status).toBe(500);
    const found = await measured();
    expect(found['daybook.requests']).toEqual({
      'POST /v2/push 200': 2,
      'POST /v2/push 401 UNAUTHORIZED': 1,
      'POST /v2/push 500 SYNC_ERROR': 1,
    });
    expect(found['http.server.request.duration']).toEqual(found['daybook.requests']);
    expect(found['daybook.transaction.duration']).toEqual({ '': 3 });
    expect(found['daybook.events']).toEqual({ '': 5 });
    expect(found['daybook.io']?.['in']).toBeGreaterThan(500);
    expect(found['daybook.io']?.['out']).toBeGreaterThan(200);
  });

  it('count what a push of units brought, was refused, and ran into', async () => {
    const [good, twice, bad] = pendingUnits(3) as [PendingUnit, PendingUnit, PendingUnit];
    const authorizePush = ({ id }: { id: string }): boolean => id !== bad.id;
    const server = createSyncServer({ unitLog: new NaiveUnitLog(), allowAnonymous: true, telemetry, authorizePush });
    await server.fetch(pushRequest([twice]));
    await server.fetch(pushRequest([good, twice, bad, pendingUnit({ events: good.events })]));
    expect(await measured()).toMatchObject({
      'daybook.units': { '': 2 },
      'daybook.events': { '': 2 },
      'daybook.rejections': { '': 1 },
      'daybook.conflicts': { '': 1 },
    });
  });

  it('say how the pool stands, when they are read', async () => {
    const stats = { waiting: 4, inUse: 5 };
    serve({ poolStats: () => stats });
    expect(await measured()).toMatchObject({ 'daybook.pool.waiting': { '': 4 }, 'daybook.pool.in_use': { '': 5 } });
    stats.waiting = 0;
    expect((await measured())['daybook.pool.waiting']).toEqual({ '': 0 });
  });

  it('count units and rejections as well', async () => {
    const trace = new Telemetry(api, { monotonicMs: () => 0 }).begin(new Request('http://server.test/'));
    trace.count({ units: 2, events: 7, rejections: 1, conflicts: 0 });
    expect(await measured()).toMatchObject({
      'daybook.units': { '': 2 },
      'daybook.events': { '': 7 },
      'daybook.rejections': { '': 1 },
    });
  });
});

describe('without them', () => {
  const [begin, transaction, count] = [
    vi.spyOn(Telemetry.prototype, 'begin'),
    vi.spyOn(RequestTrace.prototype, 'transaction'),
    vi.spyOn(RequestTrace.prototype, 'count'),
  ];

  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('nothing is called, and no answer is looked at', async () => {
    for (const spy of [begin, transaction, count]) spy.mockClear();
    const getReader = vi.spyOn(ReadableStream.prototype, 'getReader');
    const calls = (): number[] => [begin, transaction, count, getReader].map((spy) => spy.mock.calls.length);
    const ask = async (options: Partial<SyncServerOptions>): Promise<Response> => {
      return await serve(options).fetch(pushRequest(pendingUnits(1), { authorization: 'Bearer secret-token' }));
    };
    expect((await ask({ telemetry: undefined, limits: false })).status).toBe(200);
    // What reads is the push itself, its body.
    expect(calls()).toEqual([0, 0, 0, 1]);
    expect(spans.getFinishedSpans()).toHaveLength(0);
    // Which is so only because nobody wanted it.
    expect((await ask({})).status).toBe(200);
    expect(calls()).toEqual([1, 1, 1, 3]);
  });
});

it.each([null, true, {}, { trace: {}, metrics: {} }])('what is not the API is refused: %o', (other) => {
  const options = { unitLog: new MemoryUnitLog(), allowAnonymous: true, telemetry: other };
  expect(() => createSyncServer(options as unknown as SyncServerOptions)).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
  );
});
