import type { PostgresQueryable } from './postgres-driver.js';

/**
 * Wakes listening readers with `NOTIFY`, after the commit and outside of it: inside a transaction it takes a lock
 * that all databases of the server share, until the commit is done. A hint only, so a failure is nobody's failure;
 * readers look for themselves when they (re)connect.
 *
 * While one is on its way, later commits are covered by one more, however many they are.
 */
export class PostgresAnnouncer {
  readonly #pool: PostgresQueryable;
  readonly #sql: string;
  #running = false;
  #again = false;

  /** @param channel - quoted */
  constructor(pool: PostgresQueryable, channel: string) {
    this.#pool = pool;
    this.#sql = `NOTIFY ${channel}`;
  }

  /** Announces that something was recorded. Waits for nothing, throws nothing. */
  announce(): void {
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      await this.#pool.query(this.#sql).catch(() => undefined);
    }
    this.#running = false;
  }
}
