/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The one door to `pg`: its pool, with the settings and the errors of the Python library's.
 *
 * @module
 */
import type { Pool, PoolClient } from 'pg';
import { systemClock } from '../../util/clock.js';
import { callListener, guarded } from '../../util/listeners.js';
import { NotSupportedError, ProgrammingError } from '../errors.js';
import { breakOff, clientOf, clientWithTimeout } from './pg-clients.js';
import { pgPoolConfig, pgPoolSettings } from './pg-pool-options.js';
import type { PgPoolOptions, PgPoolSettings, PoolStats } from './pg-pool-options.js';
import { ConnectionNotFromPoolError, ConnectionPoolClosedError, ConnectionUnavailableError } from '../pool-errors.js';
import { KeptPlans } from './kept-plans.js';
import { heeding } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import type { PostgresClient, PostgresPool, PostgresResult } from './postgres-driver.js';
import { isConnectionLost, postgresError, sqlStateOf } from './postgres-errors.js';

/** A pool that its owner closes. The connections that it lends are `pg`'s own. */
export interface PgPool extends PostgresPool, AsyncDisposable {
  /**
   * Lends a connection, in the order of the requests.
   *
   * @throws the signal's reason, when it is aborted before there is one; the connection that comes then is given back
   * @throws ConnectionUnavailableError (`CONNECTION_UNAVAILABLE`) when all stayed in use for too long
   * @throws ConnectionPoolClosedError (`CONNECTION_POOL_CLOSED`) after the pool was closed
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the server cannot be reached or does not let us in
   */
  connect(options?: CallOptions): Promise<PostgresClient>;
  /** How the pool stands. */
  stats(): PoolStats;
  /**
   * Waits for the connections that are lent, as long as `endTimeoutMs` says, then closes all. Requests that wait for one, and
   * later calls of the other methods, reject at once; closing twice is fine.
   */
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

const IDLE_PARAMETER = 'idle_in_transaction_session_timeout';
// How pgbouncer says that it does not know a parameter of the start-up message, or of the options in it.
const REFUSED_PARAMETER = /^unsupported startup parameter(?: in options)?: (\w+)/;

/** What `pg`'s pool does not do: say what is wrong in Daybook's errors, try connections, and count. */
class LimitedPool implements PgPool {
  readonly connectionsMax: number;
  readonly supportsNotifications: boolean;
  readonly #pool: Pool;
  readonly #options: PgPoolOptions;
  readonly #settings: PgPoolSettings;
  readonly #plans: KeptPlans;
  readonly #lent = new Set<PoolClient>();
  /** Refuse the requests that wait for a connection. */
  readonly #waiting = new Set<() => void>();
  #ended: Promise<void> | undefined;

  constructor(pool: Pool, options: PgPoolOptions, settings: PgPoolSettings) {
    this.#pool = pool;
    this.#options = options;
    this.#settings = settings;
    // Listening keeps one connection: with no other, nothing else would be done any more.
    this.connectionsMax = settings.connectionsMax;
    this.supportsNotifications = settings.connectionsMax > 1;
    // Connections that somebody else makes need not know of names.
    this.#plans = new KeptPlans(options.preparedStatements ?? options.connect === undefined);
  }

  async connect({ signal }: CallOptions = {}): Promise<PostgresClient> {
    return await heeding(signal, async (begin) => {
      const client = await this.#connectUsable();
      try {
        begin();
      } catch (error) {
        client.release();
        throw error;
      }
      return Object.assign(client, this.#plans.of(client));
    });
  }

  async #connectUsable(): Promise<PoolClient> {
    for (let attempts = 1; ; attempts++) {
      const client = await this.#lend();
      if (this.#options.prePing !== true || (await isUsable(client, this.#settings.connectTimeoutMs))) return client;
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
    await (this.#ended ??= this.#end());
  }

  async #end(): Promise<void> {
    const ended = this.#pool.end();
    for (const refuse of this.#waiting) refuse();
    this.#waiting.clear();
    if (await isWithin(ended, this.#settings.endTimeoutMs)) return;
    for (const client of this.#lent) if (!breakOff(client)) void client.end().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** @param isAskedAnew - without what a pooler has refused */
  async #lend(isAskedAnew = false): Promise<PoolClient> {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    if (!this.#pool.ending && totalCount >= this.#settings.connectionsMax && idleCount <= waitingCount) {
      // Its failure is not that of whoever asks for a connection.
      callListener(() => this.#options.onExhausted?.(this.stats()));
      if (this.#settings.poolTimeoutMs === 0) throw this.#exhausted(undefined);
    }
    try {
      return this.#lentOut(await this.#request());
    } catch (cause) {
      if (this.#isAskedWithout(cause, isAskedAnew)) return await this.#lend(true);
      const error = postgresError(cause);
      throw error instanceof ConnectionUnavailableError ? this.#exhausted(cause) : error;
    }
  }

  /** A connection of `pg`'s pool, which forgets those who wait for one when it ends. */
  #request(): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      const refuse = (): void => reject(new ConnectionPoolClosedError('The pool was closed. Nothing was stored.'));
      this.#waiting.add(refuse);
      this.#pool.connect().then(
        (client) => {
          if (this.#waiting.delete(refuse)) resolve(client);
          else client.release();
        },
        (error: unknown) => {
          this.#waiting.delete(refuse);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** The pool puts a new `release` on the client each time that it lends it; this one says what is wrong by its class. */
  #lentOut(client: PoolClient): PoolClient {
    const release = client.release.bind(client);
    let isReleased = false;
    this.#lent.add(client);
    client.release = (error) => {
      if (isReleased) throw new ConnectionNotFromPoolError('This connection was given back before.');
      isReleased = true;
      this.#lent.delete(client);
      release(error);
      // A polite end waits for the server, which may be gone without a word, and keeps the process running until then.
      if (error !== undefined && error !== false) breakOff(client);
    };
    return client;
  }

  /**
   * Whether a pooler refused the idle timeout, which it does not know, and is asked without it from now on.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it refused what the caller asked for, by an option or in the address
   */
  #isAskedWithout(cause: unknown, isAskedAnew: boolean): boolean {
    const parameter = REFUSED_PARAMETER.exec(cause instanceof Error ? cause.message : '')?.[1];
    if (parameter === undefined) return false;
    if (parameter !== IDLE_PARAMETER || isAskedAnew) {
      throw new ProgrammingError(
        `What stands before PostgreSQL refuses the start-up parameter ${parameter}. Set it for the role or the database (ALTER ROLE … SET …), or let the pooler pass it over, where it may be left out (ignore_startup_parameters of pgbouncer).`,
        { cause, details: { parameter } },
      );
    }
    // Several connections are made at once: each is refused, and asked for again.
    this.#pool.options.idle_in_transaction_session_timeout = 0;
    return true;
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
  // Thrown here, what the caller's function throws would come out of the middle of `pg`.
  pool.on('connect', (client) => client.on('error', guarded(report)));
}

async function isUsable(client: PoolClient, timeoutMs: number): Promise<boolean> {
  const answered = client.query('SELECT 1').then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  const error = (await isWithin(answered, timeoutMs)) ? await answered : new Error('It did not answer in time.');
  if (error !== undefined) client.release(error);
  return error === undefined;
}

/** Whether something is done within a time. */
async function isWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let callOff = (): void => undefined;
  const late = new Promise<false>((resolve) => {
    callOff = systemClock.schedule(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    callOff();
  }
}
