/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Connections of many databases on several servers, bounded for each server.
 *
 * ```text
 * server    host and port: so many connections at most, whatever its databases are
 *   database  a pool of so many of them, while it is used; the one that was not used for longest makes room for another
 * ```
 *
 * A server that does not answer uses up its own connections only.
 *
 * @module
 */
import type { PgPool, PgPoolOptions, PostgresClient, PostgresPool } from '../../persistence/postgres/index.js';
import type { Clock } from '../../util/clock.js';
import { openPool } from './open-pool.js';
import { TenantLogs } from './tenant-logs.js';

/** Options of {@link TenantPools}. */
export interface TenantPoolsOptions {
  /** Connections to a server at most. */
  readonly serverConnectionsMax: number;
  /** Connections to a database at most, not more than to a server. */
  readonly databaseConnectionsMax: number;
  /** Milliseconds after which the connections of a database that nobody uses are closed. */
  readonly idleMs: number;
  /** More about the connections, such as how long is waited for one. */
  readonly limits: Omit<PgPoolOptions, 'connectionString' | 'poolSize' | 'maxOverflow'>;
  readonly clock: Clock;
  /** Told why connections could not be closed: nobody waits for that. */
  readonly onFailure: (error: unknown) => void;
}

/** Lends connections by the addresses of databases. */
export class TenantPools implements AsyncDisposable {
  readonly #options: TenantPoolsOptions;
  readonly #servers = new Map<string, TenantLogs<PgPool>>();
  readonly #lenders = new Map<string, PostgresPool>();

  constructor(options: TenantPoolsOptions) {
    this.#options = options;
  }

  /** Databases to which connections may be open. */
  get size(): number {
    return [...this.#servers.values()].reduce((sum, server) => sum + server.size, 0);
  }

  /**
   * Lends connections to a database: opens a pool for as long as it is used. It tells of no notifications, for which it
   * would have to keep a connection for each database.
   */
  of(databaseUrl: string): PostgresPool {
    let lender = this.#lenders.get(databaseUrl);
    if (lender === undefined) {
      lender = {
        connect: () => this.#lend(databaseUrl),
        query: (text, values) => this.#serverOf(databaseUrl).use(databaseUrl, (pool) => pool.query(text, values)),
        supportsNotifications: false,
      };
      this.#lenders.set(databaseUrl, lender);
    }
    return lender;
  }

  /** Closes all, when nobody uses them any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #lend(databaseUrl: string): Promise<PostgresClient> {
    return new Promise((resolve, reject) => {
      const lend = async (pool: PgPool): Promise<void> => {
        const client = await pool.connect();
        await new Promise<void>((onReleased) => resolve(releasing(client, onReleased)));
      };
      this.#serverOf(databaseUrl).use(databaseUrl, lend).catch(reject);
    });
  }

  #serverOf(databaseUrl: string): TenantLogs<PgPool> {
    const name = serverOf(databaseUrl);
    let server = this.#servers.get(name);
    if (server === undefined) {
      const { serverConnectionsMax, databaseConnectionsMax, limits, ...options } = this.#options;
      server = new TenantLogs({
        ...options,
        openMax: Math.max(1, Math.floor(serverConnectionsMax / databaseConnectionsMax)),
        open: async (connectionString) => {
          const sizes = { poolSize: Math.min(serverConnectionsMax, databaseConnectionsMax), maxOverflow: 0 };
          const pool = await openPool({ ...limits, ...sizes, connectionString });
          return { log: pool, close: () => pool.end() };
        },
      });
      this.#servers.set(name, server);
    }
    return server;
  }
}

function serverOf(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return databaseUrl;
  const { hostname, port, searchParams } = new URL(databaseUrl);
  return `${searchParams.get('host') ?? hostname}:${port}`;
}

/** `pg` puts a new `release` on a connection each time that it lends it. */
function releasing(client: PostgresClient, onReleased: () => void): PostgresClient {
  const release = client.release.bind(client);
  client.release = (error) => {
    release(error);
    onReleased();
  };
  return client;
}
