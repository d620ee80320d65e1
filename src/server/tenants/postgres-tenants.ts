/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The logs of many tenants in PostgreSQL: each in a database, in a schema, or in tables that it shares with others, on any
 * of several servers.
 *
 * ```text
 * use(tenant) ─▶ place(tenant): which database, and where in it ─▶ connections of its server, bounded
 *                                                              ─▶ tables that are missing, made under a lock ─▶ its log
 * ```
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { createPostgresSchema, PostgresProcessRecorder } from '../../persistence/postgres/index.js';
import type { PostgresPool, PostgresSharing } from '../../persistence/postgres/index.js';
import { toHex } from '../../persistence/sha256.js';
import type { SqlLog } from '../../persistence/sql/sql-dialect.js';
import { ForbiddenError } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { sha256Now } from '../../util/sha256-now.js';
import { copyReplicas } from '../access/copy-replicas.js';
import type { ReplicasCopy } from '../access/copy-replicas.js';
import { logTables } from '../log/postgres/log-tables.js';
import { isMovedAway } from '../log/moved-away.js';
import type { UnitLogOptions } from '../log/stored-unit-log.js';
import { PostgresUnitLog } from '../log/postgres/postgres-unit-log.js';
import { checkFunction, checkWhole, DELAY_MS_MAX, optionRefused } from '../operator/option-checks.js';
import type { LogAtPlace } from './log-at-place.js';
import { moveLog } from './move-log.js';
import type { MovedLog, MoveOptions } from './move-log.js';
import { removeCopy, reopen, standingAt } from './old-copy.js';
import type { RemovedRows, TenantStanding } from './old-copy.js';
import { TenantLogs } from './tenant-logs.js';
import { TenantPools } from './tenant-pools.js';
import { validateText } from '../../persistence/validation.js';

const SERVER_CONNECTIONS_DEFAULT = 20;
const DATABASE_CONNECTIONS_DEFAULT = 5;
const CONNECTIONS_MAX = 10_000;
// An open tenant is a few objects; what costs something are connections, and those have a bound of their own.
const OPEN_MAX_DEFAULT = 10_000;
const IDLE_MS_DEFAULT = 300_000;
const LOCK_TIMEOUT_MS = 10_000;
const MOVING_RETRY_MS = 5_000;
// Each ends what the one before it should have ended, as in a host of one database.
const LIMITS = { poolTimeoutMs: 10_000, statementTimeoutMs: 20_000, queryTimeoutMs: 25_000 };
const PLAIN_NAME = /^[a-z0-9_]{1,40}$/;
const SCHEMA_PREFIX = 'tenant_';
const HASH_BYTES = 16;
const TENANT_LENGTH_MAX = 200;

/** Where a tenant's events and units are. */
export interface TenantPlace {
  /** The database, as `postgres://user:password@host:5432/database`. It must be there. */
  readonly databaseUrl: string;
  /**
   * The schema, which is created when it is missing: {@link tenantSchema} names one for each tenant.
   *
   * @defaultValue the database's first one, for a database of the tenant's own, or tables that are shared
   */
  readonly schema?: string;
  /** Shares its tables with all other tenants that say so of the same database and schema. @defaultValue its own ones */
  readonly shared?: Omit<PostgresSharing, 'tenant'>;
}

/** Options of {@link PostgresTenants}. */
export interface PostgresTenantsOptions extends Omit<UnitLogOptions, 'tenant'> {
  /**
   * Says where a tenant is, when its log is opened; `undefined` where there is no such tenant. What it throws is the answer:
   * an `UnavailableError` lets devices come again.
   */
  readonly place: (tenant: string) => TenantPlace | undefined | Promise<TenantPlace | undefined>;
  /** Names the tables of the events, as in `PostgresTableOptions`. @defaultValue `stored_events` */
  readonly applicationName?: string;
  /** Names the tables of the units, as in `PostgresUnitLogOptions`. @defaultValue `daybook` */
  readonly name?: string;
  /**
   * Connections to one server at most, 1 to 10,000, whatever databases they are of.
   *
   * @defaultValue 20
   */
  readonly serverConnectionsMax?: number;
  /**
   * Connections to one database at most, 1 to 10,000. As many databases of a server as fit are connected at once; another
   * one waits until one is idle, or is told to come again.
   *
   * @defaultValue 5, or all of the server's where those are fewer
   */
  readonly databaseConnectionsMax?: number;
  /** Tenants that are open at most, 1 to 2,147,483,647. @defaultValue 10,000 */
  readonly openMax?: number;
  /** Milliseconds after which a tenant, and connections, that nobody uses are closed. @defaultValue 300,000 */
  readonly idleMs?: number;
}

/** Where {@link PostgresTenants.move} moves a tenant. */
export interface TenantMove extends MoveOptions {
  /** The new place. What is missing there is made. */
  readonly to: TenantPlace;
  /**
   * Writes down where the tenant is now, so that `place` says the new place from then on, in every process. Called when all
   * is there, and compared.
   */
  readonly placed: () => void | Promise<void>;
  /** Milliseconds after which devices are told to come again, by this process. @defaultValue 5,000 */
  readonly retryAfterMs?: number | undefined;
  /** Copies the tenant's replicas as well, as `copyReplicas`, where another server keeps them from then on. @defaultValue none */
  readonly replicas?: Omit<ReplicasCopy, 'tenant'> | undefined;
}

/**
 * The logs of tenants.
 *
 * @example
 * ```ts
 * await using tenants = new PostgresTenants({
 *   place: async (tenant) => ({ databaseUrl: await serverOf(tenant), schema: tenantSchema(tenant) }),
 *   seals: { keys: [sealKey] },
 * });
 * const head = await tenants.use('acme', (log) => log.head());
 * ```
 */
export class PostgresTenants implements AsyncDisposable {
  readonly #options: PostgresTenantsOptions;
  readonly #logs: TenantLogs<PostgresUnitLog>;
  readonly #pools: TenantPools;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
  constructor(options: PostgresTenantsOptions, clock: Clock = systemClock) {
    if (typeof options.place !== 'function') throw optionRefused('place', 'a function');
    checkWhole('serverConnectionsMax', options.serverConnectionsMax, 1, CONNECTIONS_MAX);
    checkWhole('databaseConnectionsMax', options.databaseConnectionsMax, 1, CONNECTIONS_MAX);
    checkWhole('openMax', options.openMax, 1, DELAY_MS_MAX);
    checkWhole('idleMs', options.idleMs, 0, DELAY_MS_MAX);
    const { serverConnectionsMax = SERVER_CONNECTIONS_DEFAULT, idleMs = IDLE_MS_DEFAULT } = options;
    const { databaseConnectionsMax = DATABASE_CONNECTIONS_DEFAULT, openMax = OPEN_MAX_DEFAULT } = options;
    // What cannot be closed in order is broken off by the pool itself.
    const shared = { idleMs, clock, onFailure: () => undefined };
    this.#options = options;
    this.#pools = new TenantPools({
      ...{ serverConnectionsMax, databaseConnectionsMax: Math.min(databaseConnectionsMax, serverConnectionsMax) },
      ...{ ...shared, limits: LIMITS },
    });
    this.#logs = new TenantLogs({ ...shared, openMax, open: (tenant) => this.#open(tenant) });
  }

  /**
   * Does something with a tenant's log.
   *
   * @throws ForbiddenError (`FORBIDDEN`) where there is no such tenant
   * @throws UnavailableError (`UNAVAILABLE`) with `details.retryAfterMs` when too many tenants, or databases of its server,
   *   are used at once, or it is held
   * @throws OperationalError (`OPERATIONAL_ERROR`) when its server does not answer: the others go on
   */
  async use<T>(tenant: string, work: (log: PostgresUnitLog) => Promise<T>): Promise<T> {
    try {
      return await this.#logs.use(tenant, work);
    } catch (error) {
      // By another process: where it is now, `place` says.
      if (isMovedAway(error)) this.#logs.forget(tenant);
      throw error;
    }
  }

  /**
   * Moves a tenant to another place, whichever layouts that and the present one have: its events under their ids, its log
   * with all its places, what was refused and what was set aside, and tracking. Devices are told to come again meanwhile, by
   * every process, and then go on with their cursors. Both places are read again and compared before `placed` is called.
   *
   * What broke off is begun again by moving again, to the same place, or given up by `cancelMove`. The rows at the old place
   * stay, and nothing goes on there; `removeMoved` removes them. Not moved are tables that others have beside the log: views,
   * outboxes, event indexes, snapshots, replicas.
   *
   * @throws UnavailableError (`UNAVAILABLE`) when it is held already
   * @throws ForbiddenError (`FORBIDDEN`) where there is no such tenant
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is something else of the tenant at the other place, it has no
   *   columns for something, or `place` does not say the new place after `placed`
   * @throws OperationalError (`OPERATIONAL_ERROR`) when a server does not answer
   * @throws the signal's reason, when it was aborted before the copy was complete: the log is open again where it was
   * @throws what `placed` rejects with: the tenant stays closed at the old place
   */
  async move(tenant: string, { to, placed, retryAfterMs, replicas, ...options }: TenantMove): Promise<MovedLog> {
    checkWhole('retryAfterMs', retryAfterMs, 0, DELAY_MS_MAX);
    checkFunction('onProgress', options.onProgress);
    if (typeof placed !== 'function') throw optionRefused('placed', 'a function');
    const release = await this.hold(tenant, retryAfterMs ?? MOVING_RETRY_MS);
    try {
      const from = await this.#placeOf(tenant);
      if (isSamePlace(from, to)) throw optionRefused('to', 'another place than the present one');
      const source = this.#at(tenant, from);
      const target = this.#at(tenant, to);
      await this.#makeTables(target);
      const moved = await moveLog(source, target, options);
      if (replicas !== undefined) await copyReplicas({ ...replicas, tenant });
      await placed();
      if (!isSamePlace(await this.#placeOf(tenant), to)) throw notPlaced();
      return moved;
    } finally {
      release();
    }
  }

  /**
   * Gives up a move that broke off, or whose place nobody has written down: removes what was copied, and opens the log again
   * where it is, which is where `place` says. Nothing is done while somebody moves it.
   *
   * @param options - `to`: where it was to go; left out where that is gone for good, and nobody is ever served from there
   * @returns what was removed there
   * @throws UnavailableError (`UNAVAILABLE`) when it is held
   * @throws ForbiddenError (`FORBIDDEN`) where there is no such tenant
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it was not closed to be moved (`details.reason: 'open'`), or has gone on
   *   at the other place (`'differs'`): nothing was changed
   * @throws OperationalError (`OPERATIONAL_ERROR`) when a server does not answer, or somebody moves it
   */
  async cancelMove(tenant: string, { to }: { readonly to?: TenantPlace | undefined } = {}): Promise<RemovedRows> {
    const release = await this.hold(tenant, MOVING_RETRY_MS);
    try {
      const from = await this.#placeOf(tenant);
      if (to !== undefined && isSamePlace(from, to)) throw optionRefused('to', 'another place than the present one');
      return await reopen(this.#at(tenant, from), to && this.#at(tenant, to));
    } finally {
      release();
    }
  }

  /**
   * Removes what is left of a tenant at a place where it was, or to which it was copied: its events, its log and its tracking.
   * Before, every event and unit there is compared with what is where `place` says, where it is served meanwhile. Tables and
   * schemas stay, and the mark that it was moved; it may be moved back there.
   *
   * @param options - `at`: the place where it is no more
   * @returns what was removed; nothing where it was done before
   * @throws ForbiddenError (`FORBIDDEN`) where there is no such tenant
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when something there is not where it is served (`details.reason` is
   *   `'differs'`), it is not served (`'closed'`), or both are the same tables (`'same'`): nothing was removed
   * @throws OperationalError (`OPERATIONAL_ERROR`) when a server does not answer
   */
  async removeMoved(tenant: string, { at }: { readonly at: TenantPlace }): Promise<RemovedRows> {
    const served = await this.#placeOf(tenant);
    if (isSamePlace(served, at)) throw optionRefused('at', 'another place than the present one');
    return await removeCopy(this.#at(tenant, served), this.#at(tenant, at));
  }

  /**
   * Looks what there is of a tenant at any place, for who moves it. Changes nothing.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the server does not answer
   */
  async standing(tenant: string, at: TenantPlace): Promise<TenantStanding> {
    return await standingAt(this.#at(tenant, at));
  }

  /** As in `TenantLogs`: lets nobody in, for example while the tenant is moved. */
  async hold(tenant: string, retryAfterMs: number): Promise<() => void> {
    return await this.#logs.hold(tenant, retryAfterMs);
  }

  /** Closes all connections, when nobody uses them any more. */
  async close(): Promise<void> {
    await this.#logs.close();
    await this.#pools.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(tenant: string): Promise<{ log: PostgresUnitLog; close: () => Promise<void> }> {
    const at = this.#at(tenant, await this.#placeOf(tenant));
    const { unitLog: log } = at;
    const look = log.head().then(async () => await log.refused({ limit: 1 }));
    await look.catch(async (error: unknown) => {
      // Nothing is there yet, or not all of it.
      if (!(error instanceof ProgrammingError)) throw error;
      await this.#makeTables(at);
    });
    return { log, close: () => Promise.resolve() };
  }

  async #placeOf(tenant: string): Promise<TenantPlace> {
    const found = await this.#options.place(tenant);
    if (found !== undefined) return found;
    // In the words of a token that does not say this tenant.
    throw new ForbiddenError('The token is not good for this tenant.', { details: { reason: 'tenant' } });
  }

  #at(tenant: string, { databaseUrl, schema, shared }: TenantPlace): OpenPlace {
    const { place: _, applicationName, name = 'daybook', serverConnectionsMax: _1, ...options } = this.#options;
    const pool = this.#pools.of(databaseUrl);
    const inSchema = schema === undefined ? {} : { schema };
    const recorder = new PostgresProcessRecorder({
      ...{ pool, lockTimeoutMs: LOCK_TIMEOUT_MS, ...inSchema },
      ...(applicationName === undefined ? {} : { applicationName }),
      ...(shared === undefined ? {} : { shared: { ...shared, tenant } }),
    });
    const unitLog = new PostgresUnitLog({ ...options, recorder, tenant, name, ...inSchema });
    const log = recorder.dialect.log as SqlLog;
    return { pool, schema, recorder, unitLog, log, tables: logTables(name, schema, log.tenants) };
  }

  async #makeTables({ pool, schema, recorder, unitLog }: OpenPlace): Promise<void> {
    if (schema !== undefined) await createPostgresSchema(pool, schema);
    await recorder.createTable();
    await unitLog.createTables().catch((error: unknown) => {
      // They are there.
      if (!isMovedAway(error)) throw error;
    });
  }
}

interface OpenPlace extends LogAtPlace {
  readonly pool: PostgresPool;
  readonly schema: string | undefined;
  readonly recorder: PostgresProcessRecorder;
  readonly unitLog: PostgresUnitLog;
}

function isSamePlace(one: TenantPlace, other: TenantPlace): boolean {
  const { databaseUrl, schema, shared } = one;
  return (
    databaseUrl === other.databaseUrl &&
    schema === other.schema &&
    (shared === undefined) === (other.shared === undefined)
  );
}

function notPlaced(): ProgrammingError {
  return new ProgrammingError(
    'The tenant was moved, and place still says where it was: nobody is served until it says the new place.',
  );
}

/**
 * A schema for a tenant: `tenant_` and its name, or a hash of a name that has other characters than `a-z`, `0-9` and `_`, or
 * more than 40.
 */
export function tenantSchema(tenant: string): string {
  // Where there are no tenants, there is one without a name.
  if (tenant !== '') validateText('tenant', tenant, TENANT_LENGTH_MAX);
  if (PLAIN_NAME.test(tenant)) return SCHEMA_PREFIX + tenant;
  // Longer than a plain one may be, so that no tenant has the hash of another one for its name.
  const hash = toHex(sha256Now(new TextEncoder().encode(tenant)).subarray(0, HASH_BYTES));
  return `${SCHEMA_PREFIX}x${'_'.repeat(9)}${hash}`;
}
