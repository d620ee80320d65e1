/**
 * Traces and metrics by OpenTelemetry, for whoever hands its API in. Without it nothing here is made or called.
 *
 * ```text
 * span  POST /v1/push                 of the request, below the one that the sender names (traceparent)
 * └─    daybook.transaction           what the database does for it
 *
 * http.server.request.duration   s    by method, route, status, and error.type where there is one
 * daybook.requests                    likewise
 * daybook.transaction.duration   s
 * daybook.units, daybook.events       that were recorded
 * daybook.conflicts, daybook.rejections
 * daybook.io                     By   by direction: in, out
 * daybook.pool.waiting, daybook.pool.in_use     where the host has a pool
 * ```
 *
 * No attribute has an id, a subject or a tenant: each value of one is a series of its own, for ever.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import type { RequestRecord } from '../access/request-record.js';
import { optionRefused } from '../operator/option-checks.js';
import type { AnsweredRequest } from './request-log.js';
import type {
  TelemetryApi,
  TelemetryAttributes,
  TelemetryContext,
  TelemetryCounter,
  TelemetryHistogram,
  TelemetrySpan,
  TelemetryTracer,
} from './telemetry-api.js';

const NAME = 'daybook';
// As the API numbers them.
const KIND_SERVER = 1;
const KIND_INTERNAL = 0;
const STATUS_ERROR = 2;
// As the conventions recommend for HTTP: seconds.
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const HEADERS = {
  get: (headers: Headers, name: string): string | undefined => headers.get(name) ?? undefined,
  keys: (headers: Headers): string[] => [...headers.keys()],
};

/** What came of a request, to be counted. */
export interface PushCounts {
  readonly units?: number;
  readonly events?: number;
  readonly conflicts?: number;
  readonly rejections?: number;
}

/** How a pool stands. */
export type PoolStanding = () => { readonly waiting: number; readonly inUse: number };

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there, and not the API */
export function checkTelemetry(api: unknown): void {
  if (api === undefined) return;
  const given = (api ?? {}) as Readonly<Record<string, unknown>>;
  const isApi = ['trace', 'metrics', 'context', 'propagation'].every((name) => typeof given[name] === 'object');
  if (!isApi) throw optionRefused('telemetry', "the package's API: import * as telemetry from '@opentelemetry/api'");
}

/** Makes spans, and counts. */
export class Telemetry {
  readonly api: TelemetryApi;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly tracer: TelemetryTracer;
  readonly transactions: TelemetryHistogram;
  readonly #requests: TelemetryCounter;
  readonly #durations: TelemetryHistogram;
  readonly #counters: Readonly<Record<keyof PushCounts, TelemetryCounter>>;
  readonly #io: TelemetryCounter;

  constructor(api: TelemetryApi, clock: Pick<Clock, 'monotonicMs'>, poolStats?: PoolStanding) {
    this.api = api;
    this.clock = clock;
    this.tracer = api.trace.getTracer(NAME);
    const meter = api.metrics.getMeter(NAME);
    const counter = (name: keyof PushCounts): TelemetryCounter => meter.createCounter(`daybook.${name}`);
    const seconds = { unit: 's', advice: { explicitBucketBoundaries: BUCKETS } };
    this.#requests = meter.createCounter('daybook.requests');
    this.#durations = meter.createHistogram('http.server.request.duration', seconds);
    this.transactions = meter.createHistogram('daybook.transaction.duration', seconds);
    this.#counters = {
      units: counter('units'),
      events: counter('events'),
      conflicts: counter('conflicts'),
      rejections: counter('rejections'),
    };
    this.#io = meter.createCounter('daybook.io', { unit: 'By' });
    if (poolStats === undefined) return;
    meter.createObservableGauge('daybook.pool.waiting').addCallback((result) => result.observe(poolStats().waiting));
    meter.createObservableGauge('daybook.pool.in_use').addCallback((result) => result.observe(poolStats().inUse));
  }

  /** Begins the span of a request. */
  begin(request: Request): RequestTrace {
    const { context, propagation, trace } = this.api;
    const parent = propagation.extract(context.active(), request.headers, HEADERS);
    const attributes = { 'http.request.method': request.method };
    const span = this.tracer.startSpan(request.method, { kind: KIND_SERVER, attributes }, parent);
    return new RequestTrace(this, span, trace.setSpan(parent, span));
  }

  count(counts: PushCounts): void {
    for (const [name, value] of Object.entries(counts) as [keyof PushCounts, number | undefined][]) {
      if (value !== undefined && value > 0) this.#counters[name].add(value);
    }
  }

  /** Counts a request that has ended. */
  countRequest(record: RequestRecord, attributes: TelemetryAttributes): void {
    this.#requests.add(1, attributes);
    this.#durations.record((this.clock.monotonicMs() - record.startedAtMs) / 1_000, attributes);
    this.#io.add(record.bytesIn, { direction: 'in' });
    this.#io.add(record.bytesOut, { direction: 'out' });
  }
}

/** The span of one request. */
export class RequestTrace {
  readonly #telemetry: Telemetry;
  readonly #span: TelemetrySpan;
  readonly #context: TelemetryContext;

  constructor(telemetry: Telemetry, span: TelemetrySpan, context: TelemetryContext) {
    this.#telemetry = telemetry;
    this.#span = span;
    this.#context = context;
  }

  /** Does work within the span: what is traced by others in there is below it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    return await this.#telemetry.api.context.with(this.#context, work);
  }

  /** Does the work of the database within a span of its own. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    const { api, clock, tracer, transactions } = this.#telemetry;
    const startedAtMs = clock.monotonicMs();
    // By the context that was kept: the active one is not known where nobody follows it through promises.
    const span = tracer.startSpan('daybook.transaction', { kind: KIND_INTERNAL }, this.#context);
    try {
      return await api.context.with(api.trace.setSpan(this.#context, span), work);
    } catch (error) {
      span.setStatus({ code: STATUS_ERROR });
      throw error;
    } finally {
      span.end();
      transactions.record((clock.monotonicMs() - startedAtMs) / 1_000);
    }
  }

  /** Counts what came of the request. */
  count(counts: PushCounts): void {
    this.#telemetry.count(counts);
  }

  /** Ends the span, and counts the request. */
  end(record: RequestRecord, { method, route, status }: AnsweredRequest): void {
    const attributes: TelemetryAttributes = {
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      ...(record.code === undefined ? {} : { 'error.type': record.code }),
    };
    this.#telemetry.countRequest(record, attributes);
    this.#span.setAttributes({ ...attributes, 'daybook.request_id': record.id });
    // What the sender got wrong is no error of the server's.
    if (status >= 500) this.#span.setStatus({ code: STATUS_ERROR });
    this.#span.end();
  }
}
