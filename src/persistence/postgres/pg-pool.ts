/**
 * The one door to `pg`.
 *
 * @module
 */
import type { Pool } from 'pg';
import { NotSupportedError } from '../errors.js';
import type { PostgresPool } from './postgres-driver.js';

// Two writers wait for the table lock anyway; more connections only serve readers.
const CONNECTIONS_MAX = 10;
// A server that does not answer by then is answered for: the caller tries again later.
const CONNECT_TIMEOUT_MS = 5_000;
// Ends statements on the server. Beyond the recorder's lock timeout, so that this one says what it waited for.
const STATEMENT_TIMEOUT_MS = 20_000;
// Ends the wait on this side, for a connection that died without a word.
const QUERY_TIMEOUT_MS = 25_000;

/** Options of {@link createPgPool}. */
export interface PgPoolOptions {
  /** For example `postgres://user:password@host:5432/database`. */
  readonly connectionString: string;
  /** Connections at most. @defaultValue 10 */
  readonly connectionsMax?: number;
  /** Milliseconds to wait for a connection. @defaultValue 5,000 */
  readonly connectTimeoutMs?: number;
  /**
   * Told of connections that broke. They are replaced by themselves, and the statements that they carried reject.
   *
   * @defaultValue ignored
   */
  readonly onConnectionError?: (error: Error) => void;
}

/** A pool that its owner closes. */
export interface PgPool extends PostgresPool {
  /** Waits for the connections that are lent, then closes all. Later calls reject. */
  end(): Promise<void>;
}

/**
 * Makes a pool of connections with time limits. Connects only when it is used.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the package `pg` is not installed
 */
export async function createPgPool(options: PgPoolOptions): Promise<PgPool> {
  const { default: pg } = await import('pg').catch((cause: unknown) => {
    throw new NotSupportedError('Connecting to PostgreSQL needs the package pg: npm install pg', { cause });
  });
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.connectionsMax ?? CONNECTIONS_MAX,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'daybook',
  });
  catchConnectionErrors(pool, options.onConnectionError ?? (() => undefined));
  return pool;
}

/**
 * `pg` emits `error` on the pool for an idle connection and on the client for a lent one; without a listener either
 * would end the process. A listener on each client hears both, so that the pool's has nothing to add.
 */
function catchConnectionErrors(pool: Pool, report: (error: Error) => void): void {
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', report));
}
