/**
 * The one door to `pg`: its pool, with the settings and the errors of the Python library's.
 *
 * @module
 */
import type { Pool, PoolClient } from 'pg';
import { callListener } from '../../util/listeners.js';
import { NotSupportedError } from '../errors.js';
import { clientOf, clientWithTimeout } from './pg-clients.js';
import { pgPoolConfig, pgPoolSettings } from './pg-pool-options.js';
import type { PgPoolOptions, PgPoolSettings, PoolStats } from './pg-pool-options.js';
import { ConnectionNotFromPoolError, ConnectionUnavailableError } from './pool-errors.js';
import { PreparedNames } from './prepared-names.js';
import type { PostgresClient, PostgresPool, PostgresResult } from './postgres-driver.js';
import { isConnectionLost, postgresError, sqlStateOf } from './postgres-errors.js';

/** A pool that its owner closes. The connections that it lends are `pg`'s own. */
export interface PgPool extends PostgresPool, AsyncDisposable {
  /**
   * Lends a connection, in the order of the requests.
   *
   * @throws ConnectionUnavailableError (`CONNECTION_UNAVAILABLE`) when all stayed in use for too long
   * @throws ConnectionPoolClosedError (`CONNECTION_POOL_CLOSED`) after the pool was closed
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the server cannot be reached or does not let us in
   */
  connect(): Promise<PostgresClient>;
  /** How the pool stands. */
  stats(): PoolStats;
  /** Waits for the connections that are lent, then closes all. Later calls of the other methods reject; closing twice is fine. */
  end(): Promise<void>;
}

/**
 * Makes a pool of connections. Connects only when it is used.
 *
 * @example
 * ```ts
 * await using pool = await createPgPool({ connectionString: process.env.DATABASE_URL, ...POOL_PRESETS.heavy });
 * ```
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the package `pg` is not installed
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export async function createPgPool(options: PgPoolOptions): Promise<PgPool> {
  const settings = pgPoolSettings(options);
  const { default: pg } = await import('pg').catch((cause: unknown) => {
    throw new NotSupportedError('Connecting to PostgreSQL needs the package pg: npm install pg', { cause });
  });
  const Client =
    options.connect === undefined
      ? clientWithTimeout(pg.Client, settings.connectTimeoutMs)
      : clientOf(pg.Client, options.connect);
  const pool = new pg.Pool({ ...pgPoolConfig(options, settings), Client });
  catchConnectionErrors(pool, options.onConnectionError ?? (() => undefined));
  return new LimitedPool(pool, options, settings);
}

/** What `pg`'s pool does not do: say what is wrong in Daybook's errors, try connections, and count. */
class LimitedPool implements PgPool {
  readonly supportsNotifications: boolean;
  readonly #pool: Pool;
  readonly #options: PgPoolOptions;
  readonly #settings: PgPoolSettings;
  readonly #names = new PreparedNames();
  #ended: Promise<void> | undefined;

  constructor(pool: Pool, options: PgPoolOptions, settings: PgPoolSettings) {
    this.#pool = pool;
    this.#options = options;
    this.#settings = settings;
    // Listening keeps one connection: with no other, nothing else would be done any more.
    this.supportsNotifications = settings.connectionsMax > 1;
  }

  async connect(): Promise<PostgresClient> {
    const client = await this.#connectUsable();
    const queryPrepared = (text: string, values: unknown[]): Promise<PostgresResult> => {
      const name = this.#names.nameOf(text);
      return client.query(name === undefined ? { text, values } : { name, text, values });
    };
    // Connections that somebody else makes need not know of names.
    const { preparedStatements = this.#options.connect === undefined } = this.#options;
    return preparedStatements ? Object.assign(client, { queryPrepared }) : client;
  }

  async #connectUsable(): Promise<PoolClient> {
    for (let attempts = 1; ; attempts++) {
      const client = await this.#lend();
      if (this.#options.prePing !== true || (await isUsable(client))) return client;
      // Each that does not answer is closed, so the next one beyond their number is new.
      if (attempts > this.#settings.connectionsMax) throw postgresError(new Error('No connection answers.'));
    }
  }

  async query(text: string, values?: unknown[]): Promise<PostgresResult> {
    const client = await this.connect();
    try {
      const result = await client.query(text, values);
      client.release();
      return result;
    } catch (error) {
      // The server's refusal leaves a connection as good as it was; `pg` itself would close it.
      client.release(sqlStateOf(error) === undefined || isConnectionLost(error) ? (error as Error) : undefined);
      throw error;
    }
  }

  stats(): PoolStats {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    const { poolSize } = this.#settings;
    return {
      size: poolSize,
      inUse: totalCount - idleCount,
      idle: idleCount,
      waiting: waitingCount,
      overflow: Math.max(0, totalCount - poolSize),
    };
  }

  async end(): Promise<void> {
    await (this.#ended ??= this.#pool.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #lend(): Promise<PoolClient> {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    if (!this.#pool.ending && totalCount >= this.#settings.connectionsMax && idleCount <= waitingCount) {
      // Its failure is not that of whoever asks for a connection.
      callListener(() => this.#options.onExhausted?.(this.stats()));
      if (this.#settings.poolTimeoutMs === 0) throw this.#exhausted(undefined);
    }
    try {
      return releasedOnce(await this.#pool.connect());
    } catch (cause) {
      const error = postgresError(cause);
      throw error instanceof ConnectionUnavailableError ? this.#exhausted(cause) : error;
    }
  }

  #exhausted(cause: unknown): ConnectionUnavailableError {
    const { connectionsMax, poolTimeoutMs } = this.#settings;
    return new ConnectionUnavailableError(
      `All ${connectionsMax} connections of the pool stayed in use for ${poolTimeoutMs} ms. Nothing was stored.`,
      { ...(cause === undefined ? {} : { cause }), details: { connectionsMax, poolTimeoutMs } },
    );
  }
}

/**
 * `pg` emits `error` on the pool for an idle connection and on the client for a lent one; without a listener either
 * would end the process. A listener on each client hears both, so that the pool's has nothing to add.
 */
function catchConnectionErrors(pool: Pool, report: (error: Error) => void): void {
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', report));
}

/** The pool puts a new `release` on the client each time that it lends it; this one says what is wrong by its class. */
function releasedOnce(client: PoolClient): PoolClient {
  const release = client.release.bind(client);
  let isReleased = false;
  client.release = (error) => {
    if (isReleased) throw new ConnectionNotFromPoolError('This connection was given back before.');
    isReleased = true;
    release(error);
  };
  return client;
}

async function isUsable(client: PoolClient): Promise<boolean> {
  try {
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    client.release(error as Error);
    return false;
  }
}
