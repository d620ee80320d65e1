/**
 * What stands before every route of a server, whatever it serves: marks and origins, health, the log of requests, who may
 * come in, and how much.
 *
 * ```text
 * request ─▶ stamp ─▶ origins ─┬─▶ /health, /ready
 *                              └─▶ observe ─▶ (a route's own checks) ─▶ guards: token, limits ─▶ route
 * ```
 *
 * @module
 */
import { Hono } from 'hono';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import {
  APP_HEADER,
  FOLLOWS_HEADER,
  InvalidRequestError,
  PROTOCOL_HEADER,
  UnavailableError,
} from '../sync/protocol/index.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { limitLive, limitRefusals, limitRequests } from './access/limit-middleware.js';
import type { ClientAddress } from './access/limit-middleware.js';
import { checkLimits } from './access/limit-options.js';
import type { RequestLimitOptions } from './access/limit-options.js';
import type { ReplicaRegistry } from './access/replica-registry.js';
import { RequestLimits } from './access/request-limits.js';
import { REQUEST_ID_HEADER } from './access/request-record.js';
import type { AccessEnv } from './access/request-record.js';
import { authMiddleware } from './access/server-auth.js';
import type { ServerAuthOptions } from './access/server-auth.js';
import { checkOrigins } from './cors-origins.js';
import { answerOf } from './error-answer.js';
import { HealthCheck } from './observing/health-check.js';
import { noteRefusal, observeRequests, routeOf } from './observing/observe-requests.js';
import { checkRequestLogOptions, RequestLogger } from './observing/request-log.js';
import type { RequestLogOptions } from './observing/request-log.js';
import { checkTelemetry, Telemetry } from './observing/telemetry.js';
import type { PoolStanding } from './observing/telemetry.js';
import type { TelemetryApi } from './observing/telemetry-api.js';
import { quietLog } from './operator/foreign-code.js';
import type { Log } from './operator/foreign-code.js';
import { checkFunction, optionRefused } from './operator/option-checks.js';

/** Where whoever runs the process asks whether it answers. Needs no token, asks nobody, tells nothing else. */
export const HEALTH_PATH = '/health';
/** Where load balancers ask whether requests may come: the database answers, and the server is not about to stop. */
export const READY_PATH = '/ready';

// A browser asks before every request otherwise; two hours is what Chromium allows at most.
const PREFLIGHT_MAX_AGE_SECONDS = 7_200;
// Those that a page may send: ours, and those that bodies and traces need.
const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'content-encoding',
  PROTOCOL_HEADER,
  'daybook-replica',
  APP_HEADER,
  FOLLOWS_HEADER,
  REQUEST_ID_HEADER,
  'traceparent',
  'tracestate',
];

/** Options that every server has. */
export interface ServerFrontOptions extends ServerAuthOptions, RequestLogOptions {
  /**
   * How much one subject may ask of this process: what is beyond is answered with 429, and when to come again. `false`
   * for no limits. Tokens that say no subject have none, unless `clientAddress` is given.
   *
   * @defaultValue as {@link RequestLimitOptions} says
   */
  readonly limits?: RequestLimitOptions | false | undefined;
  /**
   * Says from which address a request came, for the limits of those whom no token tells apart. Only what the host knows
   * for certain: a header that anybody may send is none.
   *
   * @defaultValue it is not known, and they have no limits
   */
  readonly clientAddress?: ClientAddress | undefined;
  /**
   * Binds each replica to the subject that uses it first, and lets operators revoke one.
   *
   * @defaultValue replicas are not told apart
   */
  readonly replicas?: ReplicaRegistry | undefined;
  /**
   * Origins whose pages may come, for example `https://stock.example`: spelled as browsers send them, without a slash at
   * the end, capitals, or a port that goes without saying. There is no `*`.
   *
   * @defaultValue only the server's own
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /**
   * Traces and metrics by OpenTelemetry: its API, `import * as telemetry from '@opentelemetry/api'`, with an SDK of yours
   * behind it.
   *
   * @defaultValue none, and nothing is called
   */
  readonly telemetry?: TelemetryApi | undefined;
  /** Says how the pool of connections stands, for the metrics: `() => pool.stats()`. @defaultValue it is not told */
  readonly poolStats?: PoolStanding | undefined;
  /** When it is aborted, `/ready` says no; all else goes on. @defaultValue never */
  readonly closing?: AbortSignal | undefined;
  /**
   * Told of faults on this side: the answer to the outside does not name them. What it throws is ignored.
   *
   * @defaultValue `console.error`
   */
  readonly log?: ((message: string, error: unknown) => void) | undefined;
}

/** What a server says of itself to the front. */
export interface ServerTraits {
  /** Headers of every answer. */
  readonly stamp: Readonly<Record<string, string>>;
  /** Rejects when the database does not have what the server needs. */
  readonly probe: () => Promise<unknown>;
  /** @defaultValue the platform's */
  readonly clock?: Clock | undefined;
}

type Guard = MiddlewareHandler<AccessEnv>;

/** A server to which routes are added. */
export interface ServerFront {
  readonly app: Hono<AccessEnv>;
  /** In front of each route that is not for everybody: who it is, and whether that is too much. */
  readonly guards: readonly [Guard, Guard, Guard];
  /** Behind the guards of a route whose answer is a stream that stays open. */
  readonly liveGuard: MiddlewareHandler<AccessEnv>;
  readonly health: HealthCheck;
  readonly log: Log;
  /** Answers errors, also those that are none. Needs no `this`. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** The same, of a request with something beside it. */
  readonly fetchWith: (request: Request, bindings: AccessEnv['Bindings']) => Promise<Response>;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function checkFrontOptions(options: ServerFrontOptions): void {
  checkFunction('log', options.log);
  checkFunction('clientAddress', options.clientAddress);
  checkFunction('poolStats', options.poolStats);
  checkOrigins('corsOrigins', options.corsOrigins);
  checkRequestLogOptions(options);
  checkTelemetry(options.telemetry);
  const { limits, replicas, closing } = options;
  if (limits !== undefined && limits !== false) checkLimits(limits);
  if (replicas !== undefined && typeof (replicas as Partial<ReplicaRegistry> | null)?.admit !== 'function') {
    throw optionRefused('replicas', 'a ReplicaRegistry');
  }
  if (closing !== undefined && !(closing instanceof AbortSignal)) throw optionRefused('closing', 'an AbortSignal');
  authMiddleware(options, () => undefined);
}

/**
 * Makes a server without routes.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function makeServerFront(options: ServerFrontOptions, traits: ServerTraits): ServerFront {
  checkFrontOptions(options);
  const { clock = systemClock } = traits;
  const log = quietLog(options.log ?? logToConsole);
  const health = new HealthCheck(traits.probe, clock);
  const app = new Hono<AccessEnv>();
  app.use(stampAnswers(traits.stamp));
  if (options.corsOrigins !== undefined && options.corsOrigins.length > 0) app.use(allowOrigins(options.corsOrigins));
  app.get(HEALTH_PATH, (c) => c.json({ status: 'ok' }));
  app.get(READY_PATH, readiness(health, options.closing, log));
  app.use(observeRequests(observersOf(options, log, clock)));
  app.notFound((c) => answerError(c, new InvalidRequestError('There is nothing at this address.'), log, 404));
  app.onError((error, c) => answerError(c, error, log));
  const limits = options.limits === false ? undefined : new RequestLimits(options.limits, clock);
  const limited = { limits, clientAddress: options.clientAddress };
  const fetchWith: ServerFront['fetchWith'] = (request, bindings) =>
    fetchAlways({ app, log, stamp: traits.stamp }, request, bindings);
  return {
    app,
    guards: [limitRefusals(limited), authMiddleware(options, log, clock), limitRequests(limited)],
    liveGuard: limitLive(limited),
    health,
    log,
    fetch: async (request) => await fetchWith(request, {}),
    fetchWith,
  };
}

/** Makes an answer of an error, and notes it for the log of requests. @param status - overrules that of its code */
export function answerError(c: Context<AccessEnv>, thrown: unknown, log: Log, status?: ContentfulStatusCode): Response {
  const answer = answerOf(thrown, status);
  noteRefusal(c, answer.code, thrown);
  if (answer.isServerFault) {
    const id = (c.get('record') as { id: string } | undefined)?.id;
    log(
      `${c.req.method} ${routeOf(c)} was answered with ${answer.status}${id === undefined ? '' : ` (request ${id})`}.`,
      thrown,
    );
  }
  for (const [name, value] of Object.entries(answer.headers)) c.header(name, value);
  return c.json(answer.body, answer.status);
}

function observersOf(
  { requestLog, telemetry, poolStats, ...options }: ServerFrontOptions,
  log: Log,
  clock: Clock,
): Parameters<typeof observeRequests>[0] {
  return {
    clock,
    logger: requestLog === undefined ? undefined : new RequestLogger(requestLog, options, log, clock),
    telemetry: telemetry === undefined ? undefined : new Telemetry(telemetry, clock, poolStats),
  };
}

function readiness(health: HealthCheck, closing: AbortSignal | undefined, log: Log): MiddlewareHandler<AccessEnv> {
  let told: unknown;
  return async (c) => {
    if (closing?.aborted === true)
      return answerError(c, new UnavailableError('The server is about to stop.'), () => undefined);
    try {
      await health.check();
      return c.json({ status: 'ready' });
    } catch (error) {
      // One answer of the database, however many asked for it, is one line.
      if (error !== told) log('The server is not ready: /ready was answered with 503.', error);
      told = error;
      return answerError(c, new UnavailableError('The database does not answer as it should.'), () => undefined);
    }
  };
}

/** Hono answers errors, but rejects with what was thrown and is none. */
async function fetchAlways(
  { app, log, stamp }: Pick<ServerFront, 'app' | 'log'> & Pick<ServerTraits, 'stamp'>,
  request: Request,
  bindings: AccessEnv['Bindings'],
): Promise<Response> {
  try {
    return await app.fetch(request, bindings);
  } catch (thrown) {
    log(`A request by ${request.method} met what is no error.`, thrown);
    const { body, status, headers } = answerOf(thrown);
    return Response.json(body, { status, headers: { ...headers, ...stamp } });
  }
}

/** Marks every answer as this server's, so that a captive portal's is not taken for it, and keeps caches away. */
function stampAnswers(stamp: Readonly<Record<string, string>>): MiddlewareHandler {
  return async (c, next) => {
    await next();
    // What a route says itself stays.
    for (const [name, value] of Object.entries(stamp)) if (!c.res.headers.has(name)) c.header(name, value);
  };
}

function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'POST'],
    allowHeaders: ALLOWED_HEADERS,
    exposeHeaders: [PROTOCOL_HEADER, 'daybook-limits', 'retry-after', REQUEST_ID_HEADER],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
  });
}

function logToConsole(message: string, error: unknown): void {
  console.error(message, error);
}
