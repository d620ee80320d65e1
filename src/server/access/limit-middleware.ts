/**
 * Limits of requests as middleware, for those whom a subject or an address tells apart.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono';
import type { AccessEnv, RequestRecord } from './request-record.js';
import { claimedBytes } from './request-record.js';
import { limitKey, refusalKey } from './request-limits.js';
import type { RequestLimits } from './request-limits.js';
import type { Visitor } from './visitor.js';

/** Says from which address a request came, where that is known for certain. */
export type ClientAddress = (request: Request) => string | undefined;

/** What the middleware of limits needs. */
export interface LimitMiddlewareOptions {
  /** `undefined` for no limits. */
  readonly limits: RequestLimits | undefined;
  /** For those whom no subject tells apart. @defaultValue they have no limit */
  readonly clientAddress?: ClientAddress | undefined;
}

type LimitMiddleware = MiddlewareHandler<AccessEnv>;

/**
 * Looks at no more tokens of an address that has sent too many bad ones: a signature takes time to check. Comes before
 * `authMiddleware`.
 */
export function limitRefusals({ limits, clientAddress }: LimitMiddlewareOptions): LimitMiddleware {
  return async (c, next) => {
    const address = limits === undefined ? undefined : clientAddress?.(c.req.raw);
    const key = address === undefined ? undefined : refusalKey(address);
    if (key !== undefined) limits?.checkRefusals(key);
    await next();
    if (key !== undefined && c.res.status === 401) limits?.noteRefusal(key);
  };
}

/** Lets a request in, or answers it with 429; comes after `authMiddleware`. */
export function limitRequests(options: LimitMiddlewareOptions): LimitMiddleware {
  return withKey(options, (limits, key, request, record) => {
    const claimed = claimedBytes(request);
    limits.admit(key, claimed);
    record.onEnd(() => limits.takeBytes(key, record.bytesIn - claimed + record.bytesOut));
  });
}

/** Lets a stream in, or answers it with 429, until its answer ends; comes after `authMiddleware`. */
export function limitLive(options: LimitMiddlewareOptions): LimitMiddleware {
  return withKey(options, (limits, key, { signal }, record) => {
    record.onEnd(limits.openLive(key));
    // A host may drop a stream of somebody who is gone without reading it to the end.
    signal.addEventListener('abort', () => record.end(), { once: true });
  });
}

function withKey(
  { limits, clientAddress }: LimitMiddlewareOptions,
  count: (limits: RequestLimits, key: string, request: Request, record: RequestRecord) => void,
): LimitMiddleware {
  return async (c, next) => {
    const key = limits === undefined ? undefined : keyOf(c.get('visitor'), c.req.raw, clientAddress);
    if (limits !== undefined && key !== undefined) count(limits, key, c.req.raw, c.get('record'));
    await next();
  };
}

function keyOf(visitor: Visitor, request: Request, clientAddress: ClientAddress | undefined): string | undefined {
  // Asked only where no subject says more.
  return limitKey(visitor, visitor.subject === '' ? clientAddress?.(request) : undefined);
}
