import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import type { PostgresPool } from './postgres-driver.js';
import { PoolSession } from './postgres-session.js';

// Readers read everything that there is when they are woken, so a second wake-up within this time would only take the
// database's time from the writers. Shorter than anybody notices.
const GAP_MS = 10;

/**
 * Wakes listening readers with `NOTIFY`, after the commit and outside of it: inside a transaction it takes a lock
 * that all databases of the server share, until the commit is done. A hint only, so a failure is nobody's failure;
 * readers look for themselves when they (re)connect.
 *
 * The first commit is announced at once; those that follow it closely are covered by one more, however many they are.
 */
export class PostgresAnnouncer {
  readonly #session: PoolSession;
  readonly #sql: string;
  readonly #isSilent: boolean;
  readonly #clock: Clock;
  #running = false;
  #again = false;

  /** @param channel - quoted */
  constructor(pool: PostgresPool, channel: string, clock: Clock = systemClock) {
    this.#session = new PoolSession(pool);
    this.#isSilent = pool.supportsNotifications === false;
    this.#clock = clock;
    // Sending commits a transaction. Waiting for the disk would only delay readers, and the next commit.
    this.#sql = `SET LOCAL synchronous_commit = off; NOTIFY ${channel}`;
  }

  /** Announces that something was recorded. Waits for nothing, throws nothing. */
  announce(): void {
    if (this.#isSilent) return;
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      await this.#session.write(this.#sql).catch(() => undefined);
      await pause(this.#clock, GAP_MS);
    }
    this.#running = false;
  }
}
