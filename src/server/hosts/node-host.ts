/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Runs the sync server in Node: HTTP, a pool of connections, and PostgreSQL itself when no other is given.
 *
 * ```text
 * start: PostgreSQL ─▶ pool ─▶ tables ─▶ HTTP          close: /ready says no, then the same in reverse, each step within
 *                                                             a time limit
 * ```
 *
 * @module
 */
import type { SqlEventIndex } from '../../application/event-index/sql-event-index.js';
import { observePool } from '../../operations/index.js';
import { PostgresProcessRecorder } from '../../persistence/postgres/index.js';
import type { PgPool } from '../../persistence/postgres/index.js';
import { closeInReverse } from '../../util/close-in-reverse.js';
import { systemClock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { ReplicaRegistry } from '../access/replica-registry.js';
import { SqlReplicaStore } from '../access/sql-replica-store.js';
import type { SealOptions } from '../log/unit-seals.js';
import type { TelemetryApi } from '../observing/telemetry-api.js';
import type { InlinePushes } from '../log/inline-units.js';
import { PostgresUnitLog } from '../log/postgres/postgres-unit-log.js';
import type { UnitLogOptions } from '../log/stored-unit-log.js';
import { quietLog } from '../operator/foreign-code.js';
import { HEALTH_PATH, READY_PATH } from '../server-front.js';
import { createSyncServer } from '../sync-server.js';
import { openPool } from '../tenants/open-pool.js';
import type { PostgresTenants } from '../tenants/postgres-tenants.js';
import { clientAddressOf } from './client-address.js';
import type { Connections } from './client-address.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';
import { hostGuard } from './host-guard.js';
import { openHostIndex } from './host-index.js';
import { checkHostOptions, DATABASE_DIR_DEFAULT, HOSTNAME_DEFAULT, PORT_DEFAULT } from './host-options.js';
import type { NodeHostContext, NodeHostOptions } from './host-options.js';
import { openHostTenants } from './host-tenants.js';
import type { HostTenantsContext } from './host-tenants.js';
import { listen } from './http-listener.js';
import { ownSealKeys } from './seal-keys.js';
import { loadTelemetry } from './telemetry-loading.js';
import { withinLimit } from './time-limit.js';
import { unitLogName } from './unit-log-name.js';

// A push takes milliseconds; whoever needs longer sends again, and loses nothing.
const REQUESTS_WAIT_MS = 10_000;
const POOL_WAIT_MS = 5_000;
// A push that waits longer for the writers before it is answered for: whoever pushes sends again.
const LOCK_TIMEOUT_MS = 10_000;
// Each ends what the one before it should have ended: the wait for a lock, a statement, a connection that died silently.
const DATABASE_LIMITS = { poolTimeoutMs: 10_000, statementTimeoutMs: 20_000, queryTimeoutMs: 25_000 };
const NO_SEALS = [
  'What the database loses, devices cannot bring back.',
  'There are no keys to seal with: sealKeys, or DAYBOOK_SEAL_KEYS.',
] as const;
// Of this protocol, and of the one before it, whose devices are told to be loaded anew.
const SYNC_PATHS = /^\/v[12]\//;

/** A host that runs. */
export interface NodeHost extends AsyncDisposable {
  /** The base address, for example `http://127.0.0.1:8787`. */
  readonly url: string;
  /** The database in use, with its password. */
  readonly databaseUrl: string;
  /** Connections to that database. Closed with the host. */
  readonly pool: PgPool;
  /** Records what is pushed. */
  readonly recorder: PostgresProcessRecorder;
  /** The units of what is recorded; what was set aside, for operators. */
  readonly unitLog: PostgresUnitLog;
  /** Where each event id is; `undefined` without the option `eventIndex`. */
  readonly eventIndex: SqlEventIndex | undefined;
  /** The logs of tenants, for operators; `undefined` without the option. Closed with the host. */
  readonly tenants: PostgresTenants | undefined;
  /** Replicas, to list and to revoke; `undefined` when the option says so. */
  readonly replicas: ReplicaRegistry | undefined;
  /** Answers the requests in flight, then stops everything that the host started. Safe to call again. */
  close(): Promise<void>;
}

/**
 * Starts a host. It handles no signals: whoever runs it calls `close`.
 *
 * @example
 * ```ts
 * const host = await startNodeHost({ tokens: [process.env.DAYBOOK_TOKEN ?? ''] });
 * console.log(host.url);
 * process.once('SIGTERM', () => void host.close());
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, or when an option is not what it should
 *   be: before anything is started, unless it is what `inline` made
 * @throws NotSupportedError (`NOT_SUPPORTED`) when `telemetry` is `true`, and the package `@opentelemetry/api` not there
 * @throws AddressInUseError (`ADDRESS_IN_USE`) when something else listens there
 * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be reached; `startEmbeddedPostgres` has more
 */
export async function startNodeHost(options: NodeHostOptions): Promise<NodeHost> {
  const closers: (() => Promise<unknown>)[] = [];
  const closeAll = (): Promise<void> => closeInReverse(closers, 'The host could not close everything.');
  try {
    return await assemble(options, closers, closeAll);
  } catch (error) {
    // What stood in the way of the start says more than what followed from it.
    await closeAll().catch(() => undefined);
    throw error;
  }
}

async function assemble(
  options: NodeHostOptions,
  closers: (() => Promise<unknown>)[],
  closeAll: () => Promise<void>,
): Promise<NodeHost> {
  // Refuses what is wrong before PostgreSQL is started for nothing.
  checkHostOptions(options);
  const telemetry = await telemetryOf(options);
  const databaseUrl = options.databaseUrl ?? (await startDatabase(options, closers));
  const opened = await openPool({ connectionString: databaseUrl, ...DATABASE_LIMITS, ...options.pool });
  const pool = observePool(opened, telemetry === undefined ? {} : { telemetry });
  // Ended only once; a statement that hangs must not hold the end of the process up.
  closers.push(() => withinLimit(pool.end(), POOL_WAIT_MS));
  const recorder = new PostgresProcessRecorder({ pool, lockTimeoutMs: LOCK_TIMEOUT_MS, ...tableOptions(options) });
  await recorder.createTable();
  const closing = new AbortController();
  const ofStart = { pool, recorder, closing: closing.signal };
  const { eventIndex, inline } = await openInline(options, ofStart);
  const snapshots = await options.snapshots?.(ofStart);
  const seals = await sealsOf(options);
  const unitLog = await openUnitLog(options, { recorder, inline, snapshots, seals });
  const tenants = await openTenants(options, { databaseUrl, pool, seals });
  if (tenants !== undefined) closers.push(() => tenants.close());
  const context = { ...ofStart, unitLog };
  const replicas = options.replicas === false ? undefined : await openReplicas(options, recorder);
  const connections: Connections = new WeakMap();
  const { trustedProxies } = options;
  const server = createSyncServer({
    ...options,
    ...(trustedProxies === undefined ? {} : { clientAddress: clientAddressOf(connections, trustedProxies) }),
    ...{ replicas, telemetry, closing: closing.signal },
    unitLog: tenants ?? unitLog,
    // Of several tenants none stands for the others.
    probe: () => unitLog.ping(),
    poolStats: () => pool.stats(),
    ...(tenants === undefined ? { listen: (_tenant, onNews) => recorder.listen(onNews) } : {}),
  });
  const answer = hostGuard(options, dispatcher(options, server.fetch, context));
  const fetch = async (request: Request, address: string | undefined): Promise<Response> => {
    if (trustedProxies === 0 && address !== undefined) connections.set(request, address);
    const response = await answer(request);
    return closing.signal.aborted ? lastOfConnection(response) : response;
  };
  const { port = PORT_DEFAULT, hostname = HOSTNAME_DEFAULT } = options;
  const listener = await listen({ fetch, hostname, port });
  closers.push(async () => {
    closing.abort();
    if (options.drainMs !== undefined && options.drainMs > 0) await pause(systemClock, options.drainMs);
    await listener.close(options.closeLimitMs ?? REQUESTS_WAIT_MS);
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= closeAll());
  const { url } = listener;
  const parts = { url, databaseUrl, pool, recorder, unitLog, eventIndex, tenants, replicas };
  return { ...parts, close, [Symbol.asyncDispose]: close };
}

async function startDatabase(options: NodeHostOptions, closers: (() => Promise<unknown>)[]): Promise<string> {
  const databaseDir = options.databaseDir ?? DATABASE_DIR_DEFAULT;
  const postgres = await startEmbeddedPostgres({ ...options.embedded, databaseDir });
  closers.push(() => postgres.close());
  return postgres.url;
}

/** Whoever keeps its connection would go on sending to a host that is about to stop. */
function lastOfConnection(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set('connection', 'close');
  return new Response(response.body, { status: response.status, headers });
}

/** Who takes part in pushes: the host's own index first, for what it refuses nobody else need do. */
async function openInline(
  { inline: makeInline, eventIndex, applicationName, schema }: NodeHostOptions,
  context: Omit<NodeHostContext, 'unitLog'>,
): Promise<{ readonly eventIndex: SqlEventIndex | undefined; readonly inline: InlinePushes | undefined }> {
  const own = await makeInline?.(context);
  if (eventIndex !== true) return { eventIndex: undefined, inline: own };
  const { recorder } = context;
  const { index, inline } = await openHostIndex({ recorder, name: unitLogName(applicationName), schema, inline: own });
  return { eventIndex: index, inline };
}

async function openReplicas(
  { applicationName, schema, log }: NodeHostOptions,
  recorder: PostgresProcessRecorder,
): Promise<ReplicaRegistry> {
  const store = new SqlReplicaStore({ recorder, schema, log: applicationName?.toLowerCase() });
  await store.createTables();
  return new ReplicaRegistry({ store, log });
}

/** Its tables come after those of the events, of which it makes units. */
async function sealsOf(options: NodeHostOptions): Promise<SealOptions | undefined> {
  const { databaseUrl, databaseDir = DATABASE_DIR_DEFAULT, log = console.error } = options;
  const keys = options.sealKeys ?? (databaseUrl === undefined ? await ownSealKeys(databaseDir) : undefined);
  if (keys === undefined) quietLog(log)(...NO_SEALS);
  return keys === undefined ? undefined : { keys };
}

async function openTenants(
  { tenants, applicationName, schema, ...options }: NodeHostOptions,
  { databaseUrl, pool, seals }: Pick<HostTenantsContext, 'databaseUrl' | 'pool'> & Pick<UnitLogParts, 'seals'>,
): Promise<PostgresTenants | undefined> {
  if (tenants === undefined) return undefined;
  return await openHostTenants(tenants, {
    ...{ databaseUrl, pool, applicationName, schema, isEmbedded: options.databaseUrl === undefined },
    name: unitLogName(applicationName),
    ...(seals === undefined ? {} : { seals }),
  });
}

interface UnitLogParts {
  readonly recorder: PostgresProcessRecorder;
  readonly inline: InlinePushes | undefined;
  readonly snapshots: UnitLogOptions['snapshots'];
  readonly seals: SealOptions | undefined;
}

async function openUnitLog(
  { applicationName, schema, log = console.error }: NodeHostOptions,
  { recorder, inline, snapshots, seals }: UnitLogParts,
): Promise<PostgresUnitLog> {
  const unitLog = new PostgresUnitLog({
    ...{ recorder, snapshots, name: unitLogName(applicationName) },
    ...(schema === undefined ? {} : { schema }),
    ...(seals === undefined ? {} : { seals }),
    ...(inline === undefined ? {} : { inline: { log, ...inline } }),
  });
  await unitLog.createTables();
  return unitLog;
}

async function telemetryOf({ telemetry }: NodeHostOptions): Promise<TelemetryApi | undefined> {
  if (telemetry === true) return await loadTelemetry();
  return telemetry === false ? undefined : telemetry;
}

function tableOptions({ applicationName, schema }: NodeHostOptions): { applicationName?: string; schema?: string } {
  return {
    ...(applicationName === undefined ? {} : { applicationName }),
    ...(schema === undefined ? {} : { schema }),
  };
}

function dispatcher(
  { routes, log = console.error }: NodeHostOptions,
  sync: (request: Request) => Promise<Response>,
  context: NodeHostContext,
): (request: Request) => Promise<Response> {
  if (routes === undefined) return sync;
  const quiet = quietLog(log);
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (SYNC_PATHS.test(pathname) || pathname === HEALTH_PATH || pathname === READY_PATH) return await sync(request);
    try {
      return await routes(request, context);
    } catch (error) {
      quiet(`The routes threw: ${request.method} ${pathname} was answered with 500.`, error);
      return new Response('The server failed. Its log says more.', { status: 500 });
    }
  };
}
