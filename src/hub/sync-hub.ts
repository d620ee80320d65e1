/**
 * A sync server in a Durable Object: orders, stores and serves the log of one tenant by itself, in the object's own SQLite.
 *
 * Invariants:
 * 1. What is answered is durable: the object lets no answer out before its storage has it.
 * 2. Who listens by a WebSocket keeps no object awake: nothing runs while nothing happens, and there is no timer.
 * 3. What was in memory may be gone at any moment: all that counts is in the storage, or with the WebSockets.
 *
 * @module
 */
import type { SqliteProcessRecorder } from '../persistence/sqlite/sqlite-recorder.js';
import type { SqliteTableOptions } from '../persistence/sqlite/sqlite-replica.js';
import type { AlarmJob } from '../durable-object/alarm-job.js';
import { openDaybookObject } from '../durable-object/daybook-object.js';
import type { DaybookObject } from '../durable-object/daybook-object.js';
import { createSyncServer, ForbiddenError, SqliteUnitLog } from '../server/index.js';
import type {
  InlinePushes,
  SqliteUnitLogOptions,
  SyncServer,
  SyncServerOptions,
  TenantUnitLogs,
} from '../server/index.js';
import { checkHandlerOptions } from '../server/sync-server-options.js';
import { quietLog } from '../server/operator/foreign-code.js';
import { LIMITS_LEAST } from '../sync/protocol/index.js';
import { LogForwarding } from './forward-log.js';
import type { ForwardOptions, ForwardStanding } from './forward-log.js';
import type { HubContext, HubSocket } from './hub-context.js';
import { HubLines } from './hub-lines.js';
import { opensSocket } from './socket-handshake.js';

const LINES_MAX_DEFAULT = 100;

/** Options of {@link openSyncHub}: who may come in is said as for `createSyncServer`. */
export interface SyncHubOptions
  extends
    Omit<SyncServerOptions, 'unitLog' | 'listen' | 'probe' | 'sockets' | 'closing'>,
    Pick<SqliteUnitLogOptions, 'seals' | 'onLost' | 'snapshots' | 'refused' | 'name'> {
  /**
   * Whose log it is, where addresses name tenants (`/v2/t/<tenant>/…`): the name that the object was found by.
   *
   * @defaultValue there is one log, at `/v2/…`
   */
  readonly tenant?: string | undefined;
  /** Names of the tables of the events. @defaultValue `stored_events` and `tracking` */
  readonly tables?: SqliteTableOptions | undefined;
  /**
   * Who takes part in the transactions of pushes, made on the object's recorder: an event index, projections in line, an outbox.
   *
   * @defaultValue nobody does
   */
  readonly inline?: ((recorder: SqliteProcessRecorder) => InlinePushes | Promise<InlinePushes>) | undefined;
  /**
   * Another log that is to have what this one has, each unit once: one in PostgreSQL, which nobody else writes to. It is brought by
   * the object's alarm, again while the other log cannot be reached, and waits for nobody: what is answered is in the object.
   *
   * @defaultValue there is none
   */
  readonly forward?: ForwardOptions | undefined;
  /**
   * What else the alarm does, made on the object's recorder: views, processes, an outbox, as of `openDaybookObject`.
   *
   * @defaultValue nothing
   */
  readonly jobs?: ((recorder: SqliteProcessRecorder) => readonly AlarmJob[] | Promise<readonly AlarmJob[]>) | undefined;
  /**
   * Told of every failure of a job, `forward` among them: it is tried again when it may pass, and else stopped until the object is
   * started anew.
   *
   * @defaultValue it goes to `log`
   */
  readonly onJobFailed?: ((job: string, error: unknown) => void) | undefined;
}

/**
 * Opens the hub of an object. What is delivered to the object waits until it is open.
 *
 * @param context - `ctx` of an object of a class with SQLite (`new_sqlite_classes`)
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may come in, or when an option is not what it should be
 * @throws NotSupportedError (`NOT_SUPPORTED`) when there is a table of such a name that is not Daybook's
 *
 * @example
 * ```ts
 * export class Hub extends DurableObject {
 *   readonly #hub = openSyncHub(this.ctx, { tokens: [this.env.TOKEN] });
 *
 *   async fetch(request: Request): Promise<Response> {
 *     return await (await this.#hub).fetch(request);
 *   }
 *   async webSocketMessage(): Promise<void> {}
 *   async webSocketClose(socket: WebSocket): Promise<void> {
 *     (await this.#hub).webSocketClose(socket);
 *   }
 * }
 *
 * export default {
 *   fetch: (request, env) => env.HUB.getByName('stockcount').fetch(request),
 * } satisfies ExportedHandler<Env>;
 * ```
 */
export async function openSyncHub(context: HubContext, options: SyncHubOptions): Promise<SyncHub> {
  // Before the object waits for it: what fails there starts the object anew.
  checkHandlerOptions(options);
  const { tables = {}, inline, forward, jobs, log = console.error } = options;
  const onJobFailed = options.onJobFailed ?? ((job, error) => quietLog(log)(`The job ${job} of a hub failed.`, error));
  const object = openDaybookObject(
    context,
    async ({ recorder }) => {
      const unitLog = new SqliteUnitLog({ ...logOptions(options), recorder, inline: await inline?.(recorder) });
      await unitLog.createTables();
      const forwarding = forward === undefined ? undefined : new LogForwarding(recorder, unitLog, forward);
      await forwarding?.createTable();
      const all = [...(forwarding === undefined ? [] : [forwarding]), ...((await jobs?.(recorder)) ?? [])];
      return { recorder, unitLog, forwarding, jobs: all, onJobFailed };
    },
    tables,
  );
  return new SyncHub({ ...(await object.daybook), context, options, object });
}

/** What a {@link SyncHub} is made of. */
interface SyncHubParts {
  readonly context: HubContext;
  readonly recorder: SqliteProcessRecorder;
  readonly unitLog: SqliteUnitLog;
  readonly forwarding: LogForwarding | undefined;
  readonly options: SyncHubOptions;
  readonly object: Pick<DaybookObject<object>, 'alarm' | 'settle'>;
}

/** The hub of an object, see {@link openSyncHub}. */
export class SyncHub {
  /** Records in the object. What an application records by it is part of the log, and told like everybody's. */
  readonly recorder: SqliteProcessRecorder;
  /** The log, for operators: `refused`, `allow`, `discardRefused`. */
  readonly unitLog: SqliteUnitLog;
  readonly #server: SyncServer;
  readonly #lines: HubLines;
  readonly #object: SyncHubParts['object'];
  readonly #forwarding: LogForwarding | undefined;

  /** @internal */
  constructor({ context, recorder, unitLog, forwarding, options, object }: SyncHubParts) {
    this.#object = object;
    this.#forwarding = forwarding;
    this.recorder = recorder;
    this.unitLog = unitLog;
    const { tenant, syncLimits, limits, corsOrigins = [], log, ...rest } = options;
    const {
      tables: _tables,
      inline: _inline,
      forward: _forward,
      jobs: _jobs,
      onJobFailed: _onJobFailed,
      ...server
    } = rest;
    this.#server = createSyncServer({
      ...server,
      ...{ limits, corsOrigins, log },
      // Of what the log may have to set aside as a whole: a row has 2 MB.
      syncLimits: { unitBytes: LIMITS_LEAST.unitBytes, unitEvents: LIMITS_LEAST.unitEvents, ...syncLimits },
      unitLog: tenant === undefined ? unitLog : onlyTenant(tenant, unitLog),
      sockets: true,
      listen: (_tenant, onNews) => recorder.onChanged(onNews),
    });
    const linesMax = limits === false ? false : (limits?.liveConnections ?? LINES_MAX_DEFAULT);
    this.#lines = new HubLines({
      ...{ context, server: this.#server, corsOrigins },
      readHead: () => unitLog.head(),
      linesMax: linesMax === false ? Infinity : linesMax,
      log: quietLog(log ?? console.error),
    });
    recorder.onChanged(() => {
      if (this.#lines.size > 0) this.#lines.noteNews();
    });
  }

  /** Answers a request: of devices, and of who asks `/health`. Always resolves: errors are answers. */
  async fetch(request: Request): Promise<Response> {
    return opensSocket(request) ? await this.#lines.open(request) : await this.#server.fetch(request);
  }

  /** To be called by the method of the object of this name, where there is something to forward, or another job. */
  async alarm(): Promise<void> {
    await this.#object.alarm();
  }

  /** Runs the jobs in the caller's own time, until nothing follows any more. What has failed waits for its time all the same. */
  async settle(): Promise<void> {
    await this.#object.settle();
  }

  /** How far the other log is; `undefined` where there is none. */
  async forwarded(): Promise<ForwardStanding | undefined> {
    return await this.#forwarding?.standing();
  }

  /** To be called by the method of the object of this name. */
  webSocketClose(socket: HubSocket): void {
    this.#lines.drop(socket);
  }
}

/** What of the options is the log's. */
function logOptions({
  seals,
  onLost,
  snapshots,
  refused,
  name,
  tenant,
}: SyncHubOptions): Omit<SqliteUnitLogOptions, 'recorder'> {
  return {
    ...(seals === undefined ? {} : { seals }),
    ...(onLost === undefined ? {} : { onLost }),
    ...(snapshots === undefined ? {} : { snapshots }),
    ...(refused === undefined ? {} : { refused }),
    ...(name === undefined ? {} : { name }),
    ...(tenant === undefined ? {} : { tenant }),
  };
}

/** In the words of who has all of them. */
function onlyTenant(tenant: string, log: SqliteUnitLog): TenantUnitLogs {
  return {
    use: async (asked, work) => {
      if (asked === tenant) return await work(log);
      throw new ForbiddenError('The token is not good for this tenant.', { details: { reason: 'tenant' } });
    },
  };
}
