/**
 * The sync server as a `fetch` handler: takes pushes, records them. Knows no runtime and no database.
 *
 * @module
 */
import { Hono } from 'hono';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { NotificationId } from '../persistence/stored-event.js';
import {
  InvalidRequestError,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
  PUSH_PATH,
  pushRequestSchema,
  UpgradeRequiredError,
} from '../sync/protocol/index.js';
import { checkOrigins } from './cors-origins.js';
import { answerOf } from './error-answer.js';
import { callQuietly, quietLog } from './operator/foreign-code.js';
import type { Log } from './operator/foreign-code.js';
import { HealthCheck } from './observing/health-check.js';
import { checkInline, pushRecording } from './inline-pushes.js';
import type { InlinePushes } from './inline-pushes.js';
import { checkFunction, optionRefused } from './operator/option-checks.js';
import { isOperational } from './operator/outage.js';
import { decidePush } from './push-decision.js';
import { PUSH_BODY_LIMITS, readJson } from './request-body.js';
import { authMiddleware } from './access/server-auth.js';
import type { ServerAuthOptions } from './access/server-auth.js';

/** Where load balancers ask whether the server can work. Needs no token, and tells nothing else. */
export const HEALTH_PATH = '/health';

const STAMP = { [PROTOCOL_HEADER]: PROTOCOL_VERSION, 'cache-control': 'no-store' };
// A browser asks before every push otherwise; two hours is what Chromium allows at most.
const PREFLIGHT_MAX_AGE_SECONDS = 7_200;

const RECORDER_METHODS = ['insertEvents', 'selectEvents', 'maxNotificationId', 'maxTrackingId'] as const;

/** What was recorded by one push. */
export interface RecordedPush {
  readonly replicaId: string;
  /** Events that are new, 1 or more. */
  readonly count: number;
  /** The largest notification id. */
  readonly head: NotificationId;
}

/** Options of {@link createSyncServer}. Exactly one of `tokens`, `verifyToken` and `allowAnonymous` is needed. */
export interface SyncServerOptions extends ServerAuthOptions {
  /** Where pushes go: events, and a tracking record for each replica. Lent, not owned. */
  readonly recorder: ProcessRecorder;
  /**
   * Takes part in the transactions of pushes: what it writes is committed with the events and the tracking record, or not
   * at all. An event index keeps event ids unique among all replicas, and finds what they pushed. Those who take part have
   * to know events, so each is decoded, and one that cannot be is refused with `INVALID_REQUEST`; `details.reason` is the
   * decoder's code. The rest is answered as it is thrown: `DUPLICATE_EVENT`, a `ForbiddenError` of your own; what is no
   * such error is the server's fault, logged, and tried again by the replica.
   *
   * @example
   * ```ts
   * const index = new SqlEventIndex({ recorder });
   * await index.createTables();
   * const app = new Application({ recorder, aggregates: [order], inline: [index] });
   * const inline = { participants: [index], decode: (notification) => app.decode(notification) };
   * const server = createSyncServer({ recorder, inline, verifyToken });
   * ```
   *
   * @defaultValue nobody takes part: a server stores what it is sent, whatever that means
   */
  readonly inline?: InlinePushes | undefined;
  /**
   * Origins whose pages may push, for example `https://stock.example`: spelled as browsers send them, without a slash at
   * the end, capitals, or a port that goes without saying. There is no `*`.
   *
   * @defaultValue only the server's own
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Called after a push recorded something. Nobody waits for it; what it throws, or rejects with, is logged. */
  readonly onRecorded?: ((push: RecordedPush) => void) | undefined;
  /**
   * Told of faults on this side: the answer to the outside does not name them. What it throws is ignored.
   *
   * @defaultValue `console.error`
   */
  readonly log?: ((message: string, error: unknown) => void) | undefined;
}

/** A server that answers requests, in whatever runtime hands them over. */
export interface SyncServer {
  /** Always resolves: errors are answers. Needs no `this`. */
  readonly fetch: (request: Request) => Promise<Response>;
}

/**
 * Makes the sync server.
 *
 * @example
 * ```ts
 * const server = createSyncServer({ recorder, tokens: [process.env.DAYBOOK_TOKEN ?? ''] });
 * export default { fetch: server.fetch };
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, or when an option is not what it should be
 */
export function createSyncServer(options: SyncServerOptions): SyncServer {
  checkServerOptions(options);
  const { recorder, corsOrigins = [], onRecorded } = options;
  const log = quietLog(options.log ?? logToConsole);
  const health = new HealthCheck(recorder);
  const recordPush = pushRecording(recorder, options.inline, log);
  const app = new Hono();
  app.use(stampAnswers);
  if (corsOrigins.length > 0) app.use(allowOrigins(corsOrigins));
  app.post(PUSH_PATH, checkProtocol, authMiddleware(options, log), async (c) => {
    const request = await readJson(c.req.raw, pushRequestSchema, PUSH_BODY_LIMITS);
    const { response, recordedCount } = await decidePush(recorder, recordPush, request).catch((error: unknown) => {
      if (isOperational(error)) health.noteTrouble();
      throw error;
    });
    health.noteAnswer();
    if (recordedCount > 0 && onRecorded !== undefined) {
      const push = { replicaId: request.replicaId, count: recordedCount, head: response.head };
      callQuietly(
        () => onRecorded(push),
        (error) => log('onRecorded threw. The push is recorded all the same.', error),
      );
    }
    return c.json(response);
  });
  app.all(PUSH_PATH, (c) => {
    c.header('allow', 'POST');
    return answerError(c, new InvalidRequestError('Only POST is understood here.'), log, 405);
  });
  app.get(HEALTH_PATH, async (c) => {
    await health.check();
    return c.json({ status: 'ok' });
  });
  app.notFound((c) => answerError(c, new InvalidRequestError('There is nothing at this address.'), log, 404));
  app.onError((error, c) => answerError(c, error, log));
  return { fetch: async (request) => await fetchAlways(app, request, log) };
}

/**
 * Checks the options of a server, but for its recorder and what needs it: hosts do before they start a database for nothing.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, or when an option is not what it should be
 */
export function checkHandlerOptions(options: Omit<SyncServerOptions, 'recorder' | 'inline'>): void {
  checkFunction('onRecorded', options.onRecorded);
  checkFunction('log', options.log);
  checkOrigins('corsOrigins', options.corsOrigins);
  authMiddleware(options, () => undefined);
}

function checkServerOptions(options: SyncServerOptions): void {
  const recorder = options.recorder as unknown as Readonly<Record<string, unknown>> | undefined;
  if (RECORDER_METHODS.some((method) => typeof recorder?.[method] !== 'function')) {
    throw optionRefused('recorder', 'a ProcessRecorder, a PostgresProcessRecorder for example');
  }
  checkInline(options.inline, options.recorder);
  checkHandlerOptions(options);
}

/** Hono answers errors, but rejects with what was thrown and is none. */
async function fetchAlways(app: Hono, request: Request, log: Log): Promise<Response> {
  try {
    return await app.fetch(request);
  } catch (thrown) {
    log(`${request.method} ${request.url} met what is no error.`, thrown);
    const { body, status, headers } = answerOf(thrown);
    return Response.json(body, { status, headers: { ...headers, ...STAMP } });
  }
}

/** Marks every answer as this server's, so that a captive portal's is not taken for it, and keeps caches away. */
const stampAnswers: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(STAMP)) c.header(name, value);
};

const checkProtocol: MiddlewareHandler = async (c, next) => {
  if (c.req.header(PROTOCOL_HEADER) !== PROTOCOL_VERSION) {
    throw new UpgradeRequiredError(`This server speaks version ${PROTOCOL_VERSION} of the protocol only.`, {
      details: { supported: PROTOCOL_VERSION },
    });
  }
  await next();
};

function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'POST'],
    allowHeaders: ['authorization', 'content-type', PROTOCOL_HEADER],
    exposeHeaders: [PROTOCOL_HEADER, 'retry-after'],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
  });
}

function answerError(c: Context, thrown: unknown, log: Log, status?: ContentfulStatusCode): Response {
  const answer = answerOf(thrown, status);
  if (answer.isServerFault) log(`${c.req.method} ${c.req.path} was answered with ${answer.status}.`, thrown);
  for (const [name, value] of Object.entries(answer.headers)) c.header(name, value);
  return c.json(answer.body, answer.status);
}

function logToConsole(message: string, error: unknown): void {
  console.error(message, error);
}
