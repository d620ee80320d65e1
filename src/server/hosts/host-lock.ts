import { createPgPool, postgresError } from '../../persistence/postgres/index.js';
import type { PgPool, PostgresClient } from '../../persistence/postgres/index.js';
import { systemClock } from '../../util/clock.js';

// After the connection broke: PostgreSQL may just be restarting.
const RELOCK_DELAY_MS = 1_000;
// A PostgreSQL that does not answer by then has not given the lock.
const QUERY_TIMEOUT_MS = 25_000;
const TRY_LOCK_SQL = "SELECT pg_try_advisory_lock(hashtextextended('daybook:host', 0)) AS locked";

/**
 * Says that a living host works with an embedded PostgreSQL: an advisory lock, held by a connection.
 *
 * The lock ends with the connection, and that with the process, however it dies. A file with a process id would not
 * tell whether that process still is the host.
 */
export class HostLock {
  readonly #pool: PgPool;
  #client: PostgresClient | undefined;
  #callOffRelock: () => void = () => undefined;
  #released = false;

  private constructor(pool: PgPool) {
    this.#pool = pool;
  }

  /**
   * @returns the lock, or undefined when another host has it
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL cannot be reached
   */
  static async acquire(databaseUrl: string): Promise<HostLock | undefined> {
    const lock: HostLock = new HostLock(
      await createPgPool({
        connectionString: databaseUrl,
        poolSize: 1,
        maxOverflow: 0,
        queryTimeoutMs: QUERY_TIMEOUT_MS,
        // A connection can break only after it was made, and that is after the assignment.
        onConnectionError: () => lock.#relockLater(),
      }),
    );
    const isLocked = await lock.#lock().catch(async (error: unknown) => {
      await lock.release();
      throw postgresError(error);
    });
    if (isLocked) return lock;
    await lock.release();
    return undefined;
  }

  /** Gives the lock up. Safe to call again. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#callOffRelock();
    // Closing the connection ends the lock, also when the server is gone already.
    this.#client?.release(new Error('The host ends.'));
    this.#client = undefined;
    await this.#pool.end();
  }

  async #lock(): Promise<boolean> {
    const client = await this.#pool.connect();
    try {
      const { rows } = await client.query(TRY_LOCK_SQL);
      if (rows[0]?.['locked'] === true && !this.#released) {
        this.#client = client;
        return true;
      }
    } catch (error) {
      client.release(error as Error);
      throw error;
    }
    client.release(new Error('Not locked.'));
    return false;
  }

  #relockLater(): void {
    if (this.#released) return;
    this.#client?.release(new Error('The connection broke.'));
    this.#client = undefined;
    this.#callOffRelock();
    this.#callOffRelock = systemClock.schedule(() => {
      void this.#lock().then(
        (locked) => locked || this.#relockLater(),
        () => this.#relockLater(),
      );
    }, RELOCK_DELAY_MS);
  }
}
