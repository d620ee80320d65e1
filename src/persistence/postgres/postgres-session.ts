/**
 * Where a recorder's statements run: on any connection of a pool, or inside a transaction.
 *
 * @module
 */
import type { EventSourcingError } from '../../domain/errors.js';
import { lastRows, select } from './postgres-driver.js';
import type { PostgresClient, PostgresPool, PostgresRow } from './postgres-driver.js';
import { isConnectionLost, isNotCarriedOut, postgresError, sqlStateOf, unknownOutcome } from './postgres-errors.js';

/** Runs a recorder's statements. Rejects with Daybook's errors; the server's own is their `cause`. */
export interface PostgresSession {
  /** @throws InterfaceError (`INTERFACE_ERROR`) when it has ended, for calls that have nothing to run */
  assertOpen(): void;
  /** Runs one statement that only reads. */
  read(text: string, values: unknown[]): Promise<readonly PostgresRow[]>;
  /**
   * Runs statements, without parameters and separated by semicolons, all or none. One round trip.
   *
   * @returns the rows of the last statement that gave any
   */
  write(statements: string): Promise<readonly PostgresRow[]>;
}

// A pool may hold connections that the server closed, one for each attempt in the worst case, because they end one by
// one and each is only found out by using it. More than a pool usually holds; with none left, the server is the problem.
const STALE_CONNECTIONS_MAX = 20;

/**
 * Statements on whichever connection is free, each call a transaction of its own.
 *
 * ```text
 * connect ─▶ statements in one message ─▶ release
 *                  ├─ refused by the server: rolled back by it ─▶ release
 *                  ├─ the session had ended, nothing was carried out ─▶ release(error), again on another connection
 *                  └─ broke without a word ─▶ release(error); a read: again; a write: outcome unknown
 * ```
 */
export class PoolSession implements PostgresSession {
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  assertOpen(): void {
    // Its end is that of the pool, which says so itself.
  }

  async read(text: string, values: unknown[]): Promise<readonly PostgresRow[]> {
    return await this.#run((client) => select(client, text, values), isConnectionLost, postgresError);
  }

  /** @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when the connection broke without a word */
  async write(statements: string): Promise<readonly PostgresRow[]> {
    // Several statements in one message are one transaction, which the server ends itself: nothing is left to do after.
    return await this.#run(
      async (client) => lastRows(await client.query(statements)),
      isNotCarriedOut,
      (error) => (sqlStateOf(error) === undefined ? unknownOutcome(error) : postgresError(error)),
    );
  }

  async #run(
    work: (client: PostgresClient) => Promise<readonly PostgresRow[]>,
    mayRepeat: (error: unknown) => boolean,
    toError: (error: unknown) => EventSourcingError,
  ): Promise<readonly PostgresRow[]> {
    for (let attempts = 1; ; attempts++) {
      const client = await lendClient(this.#pool);
      try {
        const rows = await work(client);
        client.release();
        return rows;
      } catch (thrown) {
        const error = toError(thrown);
        // Without a word of the server's, nobody knows what the connection is doing.
        client.release(sqlStateOf(thrown) === undefined || isConnectionLost(thrown) ? error : undefined);
        if (!mayRepeat(thrown) || attempts >= STALE_CONNECTIONS_MAX) throw error;
      }
    }
  }
}

// Without a listener, a connection of `pg` that breaks while it is lent would end the process. The statement that it
// carried rejects as well, which is how its user hears of it.
const heard = new WeakSet<PostgresClient>();

/** Lends a connection, also when the pool tries one that has gone. */
export async function lendClient(pool: PostgresPool): Promise<PostgresClient> {
  for (let attempts = 1; ; attempts++) {
    try {
      const client = await pool.connect();
      if (!heard.has(client)) client.on?.('error', () => undefined);
      heard.add(client);
      return client;
    } catch (error) {
      if (!isConnectionLost(error) || attempts >= STALE_CONNECTIONS_MAX) throw postgresError(error);
    }
  }
}

/** Lends a connection on which the opening statements ran; on another one when the first had gone. */
export async function openClient(pool: PostgresPool, statements: string): Promise<PostgresClient> {
  for (let attempts = 1; ; attempts++) {
    const client = await lendClient(pool);
    try {
      await client.query(statements);
      return client;
    } catch (thrown) {
      const error = postgresError(thrown);
      client.release(error);
      if (!isConnectionLost(thrown) || attempts >= STALE_CONNECTIONS_MAX) throw error;
    }
  }
}
