/**
 * What a host is told, and its check, before anything is started for nothing.
 *
 * @module
 */
import { postgresTables } from '../../persistence/postgres/index.js';
import type { PgPool, PoolSizes, PostgresProcessRecorder } from '../../persistence/postgres/index.js';
import {
  checkFunction,
  checkSwitch,
  checkText,
  checkWhole,
  DELAY_MS_MAX,
  optionRefused,
} from '../operator/option-checks.js';
import type { SnapshotStore } from '../../persistence/snapshot-store.js';
import type { InlinePushes } from '../log/inline-units.js';
import type { PostgresUnitLog } from '../log/postgres/postgres-unit-log.js';
import { isSealKeys, SEAL_KEY_BYTES_MIN } from '../log/unit-seals.js';
import type { TelemetryApi } from '../observing/telemetry-api.js';
import { checkHandlerOptions } from '../sync-server-options.js';
import type { SyncServerOptions } from '../sync-server-options.js';
import { checkEmbeddedOptions, PORT_MAX } from './embedded-options.js';
import type { EmbeddedPostgresOptions } from './embedded-options.js';
import { checkHostTenants } from './host-tenants.js';
import type { HostTenantsOptions } from './host-tenants.js';

/** Where the host listens, unless told otherwise. */
export const PORT_DEFAULT = 8787;
/** The address that the host listens on, unless told otherwise. */
export const HOSTNAME_DEFAULT = '127.0.0.1';
/** Where the embedded PostgreSQL keeps its files, unless told otherwise: below the working folder. */
export const DATABASE_DIR_DEFAULT = '.daybook';

// PostgreSQL itself takes 100, unless it is told otherwise, and no machine as many as this.
const POOL_MAX = 10_000;
const PROXIES_MAX = 10;
// Also a folder of sockets, as `pg` takes it.
const DATABASE_URL = /^(?:postgres|postgresql|socket):|^\//;
const HOST_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** What the routes of an application get to work with. */
export interface NodeHostContext {
  /** Lent: the host closes it. */
  readonly pool: PgPool;
  readonly recorder: PostgresProcessRecorder;
  /** The units of the same events. */
  readonly unitLog: PostgresUnitLog;
  /** Aborted when the host begins to close: end streams that would go on for ever. */
  readonly closing: AbortSignal;
}

// What the host says itself.
type OfHost = 'unitLog' | 'probe' | 'listen' | 'replicas' | 'telemetry' | 'poolStats' | 'closing';

/** Options of {@link startNodeHost}. `tokens`, `jwt`, `verifyToken` or `allowAnonymous` says who may push. */
export interface NodeHostOptions extends Omit<SyncServerOptions, OfHost> {
  /** TCP port; 0 takes a free one. @defaultValue 8787 */
  readonly port?: number | undefined;
  /** The address to listen on; `0.0.0.0` is every one. @defaultValue `127.0.0.1`: this machine only */
  readonly hostname?: string | undefined;
  /**
   * The names by which it is reached, for example `stock.example`, without a port; an address is one always. A request by
   * another name is refused, so that no page can reach it by a name of its own which it lets point here (DNS rebinding).
   *
   * @defaultValue only `localhost` for `allowAnonymous` on an address of this machine only; otherwise any
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** A PostgreSQL to use; not together with `databaseDir` and `embedded`. @defaultValue an embedded one in `databaseDir` */
  readonly databaseUrl?: string | undefined;
  /** Where the embedded PostgreSQL keeps its files. @defaultValue `.daybook` in the working folder */
  readonly databaseDir?: string | undefined;
  /** More about the embedded PostgreSQL, for example faster settings for tests. */
  readonly embedded?: Omit<EmbeddedPostgresOptions, 'databaseDir'> | undefined;
  /**
   * Names the tables, see `PostgresTableOptions`; those of the units begin with `daybook_` and the name, or with
   * `daybook_` and a hash of a name that is longer than 22 characters or has others than letters, digits and `_`.
   *
   * @defaultValue `stored_events`, `notification_tracking`, `daybook_units` and others of `daybook_…`
   */
  readonly applicationName?: string | undefined;
  /** The schema of the tables. @defaultValue the database's */
  readonly schema?: string | undefined;
  /**
   * Keys of at least 32 random bytes each, with which the server seals what it gives, so that devices can bring back what
   * the database loses: see `SealOptions`. All hosts of one database need the same ones, and they belong into no backup of
   * it.
   *
   * @defaultValue of an embedded PostgreSQL, one in the file `seal-keys` of its folder, made at the first start; otherwise
   *   none: nothing can be brought back, and the log says so
   */
  readonly sealKeys?: readonly Uint8Array[] | undefined;
  /**
   * Many tenants, at `/v2/t/{tenant}/…`, each with a log of its own; then nothing is served without a tenant, and `inline`
   * and `snapshots` are not to be had: their tables know no tenants. Each token must say which tenants it is for.
   *
   * @example
   * ```ts
   * const host = await startNodeHost({
   *   jwt: { jwksUrl, issuer, audience: 'stock', tenantClaim: 'tenants' },
   *   tenants: { place: 'schema', isTenant: (tenant) => customers.has(tenant) },
   * });
   * ```
   *
   * @defaultValue there is one log, and no tenants
   */
  readonly tenants?: HostTenantsOptions | undefined;
  /** How many connections to the database there are. @defaultValue 5, and up to 10 more */
  readonly pool?: PoolSizes | undefined;
  /** Answers whatever is not the sync server's (`/v1/…`, `/v2/…`, `/health` and `/ready`), for example an application's pages. */
  readonly routes?: ((request: Request, context: NodeHostContext) => Response | Promise<Response>) | undefined;
  /**
   * Whether the host keeps an index of the events by their ids, actors, tenants and times, in tables that are named after
   * those of its units, with `_ids` at the end: each event id is then taken once, whichever device sends it, and
   * `NodeHost.eventIndex` finds it. It needs no application: what is asked of an event is read where its state is JSON, as it
   * is or compressed by zlib; with `inline`, by its `decode`. Events that are encrypted, or whose state is no JSON, are in no
   * index, and hold nobody up. The first start reads the whole log. Not together with `tenants`, whom its tables do not know.
   *
   * @defaultValue `false`
   */
  readonly eventIndex?: boolean | undefined;
  /**
   * Makes what takes part in the transactions of pushes, as `PostgresUnitLogOptions.inline` says, when the tables of the events
   * are there: the place to make its own tables as well. A failure ends the start.
   *
   * @example
   * ```ts
   * const host = await startNodeHost({
   *   verifyToken,
   *   inline: async ({ recorder }) => {
   *     const index = new SqlEventIndex({ recorder });
   *     await index.createTables();
   *     const app = new Application({ recorder, aggregates: [order], inline: [index] });
   *     return { participants: [index], decode: (notification) => app.decode(notification) };
   *   },
   * });
   * ```
   *
   * @defaultValue nobody takes part
   */
  readonly inline?: ((context: Omit<NodeHostContext, 'unitLog'>) => InlinePushes | Promise<InlinePushes>) | undefined;
  /**
   * Finds the snapshots that devices may begin with, as `UnitLogOptions.snapshots` says, when the tables of the events are
   * there: `app.snapshotsForDevices()` of an application that has the transcoder, compressor and cipher of the devices. A
   * failure ends the start.
   *
   * @example
   * ```ts
   * const host = await startNodeHost({
   *   verifyToken,
   *   snapshots: async ({ recorder }) => {
   *     const store = new SqlSnapshotStore({ recorder });
   *     await store.createTables();
   *     const app = new Application({ recorder, aggregates: [order], snapshots: { store } });
   *     return app.snapshotsForDevices();
   *   },
   * });
   * ```
   *
   * @defaultValue a new device follows the log from its start
   */
  readonly snapshots?:
    | ((
        context: Omit<NodeHostContext, 'unitLog'>,
      ) => Pick<SnapshotStore, 'select'> | Promise<Pick<SnapshotStore, 'select'>>)
    | undefined;
  /**
   * Whether replicas are written down in the table `daybook_replicas`, each bound to the subject that uses it first, so
   * that one can be revoked: `NodeHost.replicas`.
   *
   * @defaultValue `true`
   */
  readonly replicas?: boolean | undefined;
  /**
   * How many proxies stand before the host, 0 to 10, each of which adds the address that it was asked from to
   * `X-Forwarded-For`. With it, those whom no token tells apart have the limits of their address: that of the connection
   * for 0. Too large a number lets anybody write an address of their own. Not together with `clientAddress`.
   *
   * @defaultValue it is not known, and they have no limits
   */
  readonly trustedProxies?: number | undefined;
  /**
   * Traces and metrics by OpenTelemetry: `true` loads the package `@opentelemetry/api`, behind which an SDK of yours has
   * to be registered; or that API itself.
   *
   * @defaultValue none, and nothing is loaded
   */
  readonly telemetry?: boolean | TelemetryApi | undefined;
  /**
   * Milliseconds between the moment when `/ready` says no and the one when no connection is taken any more, 0 to
   * 2,147,483,647: as long as a load balancer takes to notice.
   *
   * @defaultValue 0
   */
  readonly drainMs?: number | undefined;
  /** Milliseconds that closing waits for requests in flight, 0 to 2,147,483,647. @defaultValue 10,000 */
  readonly closeLimitMs?: number | undefined;
}

/**
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, or when an option is not what it should be
 */
export function checkHostOptions(options: NodeHostOptions): void {
  const { telemetry, replicas, ...rest } = options;
  const handler = { ...rest, telemetry: typeof telemetry === 'boolean' ? undefined : telemetry };
  checkHandlerOptions(handler);
  if (options.sealKeys !== undefined && !isSealKeys(options.sealKeys)) {
    throw optionRefused(
      'sealKeys',
      `one or more keys, as Uint8Array of ${SEAL_KEY_BYTES_MIN} random bytes or more each`,
    );
  }
  checkSwitch('replicas', replicas);
  checkSwitch('eventIndex', options.eventIndex);
  checkWhole('drainMs', options.drainMs, 0, DELAY_MS_MAX);
  checkWhole('trustedProxies', options.trustedProxies, 0, PROXIES_MAX);
  if (options.trustedProxies !== undefined && options.clientAddress !== undefined) {
    throw optionRefused('trustedProxies', 'left out with clientAddress, which says the address');
  }
  checkFunction('routes', options.routes);
  checkFunction('inline', options.inline);
  checkFunction('snapshots', options.snapshots);
  checkHostTenants(options.tenants);
  if (options.tenants !== undefined && options.inline !== undefined) {
    throw optionRefused('inline', 'left out with tenants: its tables know none');
  }
  if (options.tenants !== undefined && options.eventIndex === true) {
    throw optionRefused('eventIndex', 'left out with tenants: its tables know none');
  }
  if (options.tenants !== undefined && options.snapshots !== undefined) {
    throw optionRefused('snapshots', 'left out with tenants: their table knows none');
  }
  checkWhole('port', options.port, 0, PORT_MAX);
  checkText('hostname', options.hostname);
  checkWhole('closeLimitMs', options.closeLimitMs, 0, DELAY_MS_MAX);
  checkAllowedHosts(options.allowedHosts);
  checkDatabaseUrl(options.databaseUrl);
  checkPool(options.pool);
  checkNames(options);
  checkText('databaseDir', options.databaseDir);
  if (options.embedded !== undefined) checkEmbeddedOptions(options.embedded);
  checkOneDatabase(options);
}

/** Otherwise a folder, whose events somebody counts on, would not even be looked at. */
function checkOneDatabase({ databaseUrl, databaseDir, embedded }: NodeHostOptions): void {
  if (databaseUrl === undefined || (databaseDir === undefined && embedded === undefined)) return;
  const option = databaseDir === undefined ? 'embedded' : 'databaseDir';
  throw optionRefused(option, 'left out with databaseUrl: the events are in that database, and none is embedded');
}

function checkAllowedHosts(hosts: NodeHostOptions['allowedHosts']): void {
  if (hosts === undefined) return;
  if (Array.isArray(hosts) && hosts.every((host) => typeof host === 'string' && HOST_NAME.test(host))) return;
  throw optionRefused('allowedHosts', 'names such as stock.example, in lower case, without scheme and port');
}

function checkDatabaseUrl(url: string | undefined): void {
  if (url === undefined) return;
  checkText('databaseUrl', url);
  if (DATABASE_URL.test(url) && (url.startsWith('/') || URL.canParse(url))) return;
  // Not shown: it has the password.
  throw optionRefused(
    'databaseUrl',
    'an address of PostgreSQL, such as postgres://user:password@host:5432/database, with its parts percent-encoded',
  );
}

function checkPool(pool: NodeHostOptions['pool']): void {
  checkWhole('poolSize', pool?.poolSize, 0, POOL_MAX);
  checkWhole('maxOverflow', pool?.maxOverflow, 0, POOL_MAX);
  if (pool?.poolSize === 0 && pool.maxOverflow === 0)
    throw optionRefused('poolSize and maxOverflow', '1 or more together');
}

function checkNames({ applicationName, schema }: NodeHostOptions): void {
  for (const [option, value] of Object.entries({ applicationName, schema })) {
    if (value !== undefined && typeof value !== 'string') throw optionRefused(option, 'a text', value);
  }
  postgresTables({
    ...(applicationName === undefined ? {} : { applicationName }),
    ...(schema === undefined ? {} : { schema }),
  });
}
