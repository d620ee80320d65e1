/**
 * The sync server as a `fetch` handler: takes pushes, records them. Knows no runtime and no database.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono';
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
import { APP_HEADER } from './access/replica-registry.js';
import { checkInline, pushRecording } from './inline-pushes.js';
import type { InlinePushes } from './log/inline-units.js';
import { countPush, traced } from './observing/observe-requests.js';
import { callQuietly } from './operator/foreign-code.js';
import { checkFunction, optionRefused } from './operator/option-checks.js';
import { isOperational } from './operator/outage.js';
import { decidePush } from './push-decision.js';
import { PUSH_BODY_LIMITS, readJson } from './request-body.js';
import { answerError, checkFrontOptions, makeServerFront } from './server-front.js';
import type { ServerFrontOptions } from './server-front.js';

const STAMP = { [PROTOCOL_HEADER]: PROTOCOL_VERSION, 'cache-control': 'no-store' };
// No replica has such a name.
const PROBE_NAME = 'daybook:ready';
// Two histories, or two replicas, that do not go together.
const CONFLICTS: ReadonlySet<unknown> = new Set(['INTEGRITY_ERROR', 'DUPLICATE_EVENT', 'REPLICA_DIVERGED']);

const RECORDER_METHODS = ['insertEvents', 'selectEvents', 'maxNotificationId', 'maxTrackingId'] as const;

/** What was recorded by one push. */
export interface RecordedPush {
  readonly replicaId: string;
  /** Events that are new, 1 or more. */
  readonly count: number;
  /** The largest notification id. */
  readonly head: NotificationId;
}

/** Options of {@link createSyncServer}. `tokens`, `jwt`, `verifyToken` or `allowAnonymous` says who may push. */
export interface SyncServerOptions extends ServerFrontOptions {
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
  /** Called after a push recorded something. Nobody waits for it; what it throws, or rejects with, is logged. */
  readonly onRecorded?: ((push: RecordedPush) => void) | undefined;
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
  const { recorder, onRecorded, replicas } = options;
  const probe = async (): Promise<void> => {
    await recorder.maxNotificationId();
    await recorder.maxTrackingId(PROBE_NAME);
    await replicas?.list({ limit: 1 });
  };
  const { app, guards, health, log, fetch } = makeServerFront(options, { stamp: STAMP, probe });
  const recordPush = pushRecording(recorder, options.inline, log);
  app.post(PUSH_PATH, checkProtocol, ...guards, async (c) => {
    const record = c.get('record');
    const request = await readJson(c.req.raw, pushRequestSchema, PUSH_BODY_LIMITS, (bytes) => (record.bytesIn = bytes));
    const { replicaId } = request;
    record.replicaId = replicaId;
    const decided = traced(c, async () => {
      await replicas?.admit({ replicaId, subject: c.get('visitor').subject, app: c.req.header(APP_HEADER) });
      return await decidePush(recorder, recordPush, request);
    });
    const { response, recordedCount } = await decided.catch((error: unknown) => {
      if (isOperational(error)) health.noteTrouble();
      if (CONFLICTS.has((error as { code?: unknown }).code)) countPush(c, { conflicts: 1 });
      throw error;
    });
    health.noteAnswer();
    countPush(c, { events: recordedCount });
    if (recordedCount > 0 && onRecorded !== undefined) {
      const push = { replicaId, count: recordedCount, head: response.head };
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
  return { fetch };
}

/**
 * Checks the options of a server, but for its recorder and what needs it: hosts do before they start a database for nothing.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, or when an option is not what it should be
 */
export function checkHandlerOptions(options: Omit<SyncServerOptions, 'recorder' | 'inline'>): void {
  checkFunction('onRecorded', options.onRecorded);
  checkFrontOptions(options);
}

function checkServerOptions(options: SyncServerOptions): void {
  const recorder = options.recorder as unknown as Readonly<Record<string, unknown>> | undefined;
  if (RECORDER_METHODS.some((method) => typeof recorder?.[method] !== 'function')) {
    throw optionRefused('recorder', 'a ProcessRecorder, a PostgresProcessRecorder for example');
  }
  checkInline(options.inline, options.recorder);
  checkHandlerOptions(options);
}

const checkProtocol: MiddlewareHandler = async (c, next) => {
  if (c.req.header(PROTOCOL_HEADER) !== PROTOCOL_VERSION) {
    throw new UpgradeRequiredError(`This server speaks version ${PROTOCOL_VERSION} of the protocol only.`, {
      details: { supported: PROTOCOL_VERSION },
    });
  }
  await next();
};
