/**
 * Sees each request from its arrival to the last byte of its answer, for the log of requests, for traces, and for limits.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Clock } from '../../util/clock.js';
import { counted, REQUEST_ID_HEADER, RequestRecord } from '../access/request-record.js';
import type { AccessEnv } from '../access/request-record.js';
import { isEventSourcingError } from '../../domain/errors.js';
import type { RequestLogger } from './request-log.js';
import type { PushCounts, RequestTrace, Telemetry } from './telemetry.js';

// A code, as this library and others have them: no text that may quote what was sent.
const CODE = /^[A-Za-z0-9_-]{1,64}$/;
const CAUSES_MAX = 4;

// Where somebody wants traces.
const TRACES = new WeakMap<RequestRecord, RequestTrace>();

/** Who is told of requests. */
export interface Observers {
  readonly logger: RequestLogger | undefined;
  readonly telemetry: Telemetry | undefined;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Comes first of all that is to be seen. */
export function observeRequests({ logger, telemetry, clock }: Observers): MiddlewareHandler<AccessEnv> {
  return async (c, next) => {
    const record = new RequestRecord(c.req.raw, clock.monotonicMs());
    c.set('record', record);
    const trace = telemetry?.begin(c.req.raw);
    if (trace !== undefined) TRACES.set(record, trace);
    const tell = (status: number): void => {
      record.visitor = c.get('visitor');
      const answered = { method: c.req.method, route: routeOf(c), status };
      logger?.write(record, answered);
      trace?.end(record, answered);
    };
    try {
      await (trace === undefined ? next() : trace.run(next));
    } catch (thrown) {
      // No error, which Hono would have answered.
      record.code ??= 'SYNC_ERROR';
      tell(500);
      record.end();
      throw thrown;
    }
    c.header(REQUEST_ID_HEADER, record.id);
    const { status } = c.res;
    if (logger !== undefined || trace !== undefined) record.onEnd(() => tell(status));
    if (!record.isWatched) return;
    // Of an answer to HEAD nobody reads a body.
    if (c.req.method === 'HEAD') {
      record.end();
      return;
    }
    const answer = counted(c.res, record);
    // Or its headers would be merged with those that it has.
    c.res = undefined;
    c.res = answer;
  };
}

/** Does the work of the database for a request, within a span where somebody wants traces. */
export async function traced<T>(c: Context<AccessEnv>, work: () => Promise<T>): Promise<T> {
  const trace = TRACES.get(c.get('record'));
  return await (trace === undefined ? work() : trace.transaction(work));
}

/** Counts what came of a request, where somebody wants metrics. */
export function countPush(c: Context<AccessEnv>, counts: PushCounts): void {
  TRACES.get(c.get('record'))?.count(counts);
}

/** Notes for the log why a request was refused. @param code - that it was answered with */
export function noteRefusal(c: Context<AccessEnv>, code: string, thrown: unknown): void {
  const record = c.get('record') as RequestRecord | undefined;
  if (record === undefined) return;
  record.code = code;
  record.reason = reasonOf(thrown);
}

function reasonOf(thrown: unknown): string | undefined {
  if (!isEventSourcingError(thrown)) return undefined;
  const { reason } = thrown.details;
  if (typeof reason === 'string' && CODE.test(reason)) return reason;
  let cause: unknown = thrown.cause;
  for (let depth = 0; depth < CAUSES_MAX && typeof cause === 'object' && cause !== null; depth++) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && CODE.test(code)) return code;
    ({ cause } = cause as { cause?: unknown });
  }
  return undefined;
}

/** The route with names for what differs, `none` where there is nothing. */
export function routeOf(c: Context<AccessEnv>): string {
  const path = matchedRoutes(c).findLast((route) => route.path !== '*' && route.path !== '/*')?.path;
  return path ?? 'none';
}
