import { Listeners } from '../../util/listeners.js';
import type { PostgresPool } from './postgres-driver.js';
import { lendClient } from './postgres-session.js';

/** A time of listening, from its beginning to its end. */
interface Listening {
  isOver: boolean;
  /** Stops it, once it has begun; nothing before. */
  stop: () => unknown;
}

/**
 * Hears `NOTIFY` on one channel for any number of readers, over one connection that is kept while there are any.
 *
 * A hint only: connections that break are not told of at once, and some databases have no notifications. Readers look
 * for themselves from time to time, and ask for a connection that is lost to be replaced when they do.
 *
 * ```text
 * off ─▶ connecting ─▶ listening ─▶ off        each step to or from listening wakes the readers: they may have missed some
 *             └─────────── the last reader goes ─▶ off, without waiting for an answer; what still comes is given back
 * ```
 */
export class PostgresListener {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #readers = new Listeners();
  #listening: Listening | undefined;

  /** @param channel - quoted */
  constructor(pool: PostgresPool, channel: string) {
    this.#pool = pool;
    this.#channel = channel;
  }

  /** @returns removes the reader; the last one takes the connection with it */
  add(wake: () => void): () => Promise<void> {
    const remove = this.#readers.add(wake);
    this.ensure();
    return async () => {
      remove();
      const listening = this.#listening;
      if (listening === undefined || this.#readers.size > 0) return;
      this.#end(listening);
      await listening.stop();
    };
  }

  /** Starts listening, unless it does. Waits for nothing, throws nothing. */
  ensure(): void {
    if (this.#listening !== undefined || this.#pool.supportsNotifications === false) return;
    const listening: Listening = { isOver: false, stop: () => undefined };
    this.#listening = listening;
    const begun = this.#pool.listen === undefined ? this.#listenOnOwnConnection(listening) : this.#listen(listening);
    void begun.then(
      () => listening.isOver || this.#wakeAll(),
      () => this.#end(listening),
    );
  }

  async #listen(listening: Listening): Promise<void> {
    const stop = await this.#pool.listen?.(this.#channel, () => this.#wakeAll());
    listening.stop = async () => await stop?.().catch(() => undefined);
    if (listening.isOver) await listening.stop();
  }

  async #listenOnOwnConnection(listening: Listening): Promise<void> {
    const client = await lendClient(this.#pool);
    if (client.on === undefined || listening.isOver) {
      client.release();
      return;
    }
    let isGivenBack = false;
    const stop = (): void => {
      if (isGivenBack) return;
      isGivenBack = true;
      // Closed rather than lent again: it has listeners, and would go on listening.
      client.release(new Error('Listened until now.'));
    };
    const onLost = (): void => {
      stop();
      if (listening.isOver) return;
      this.#end(listening);
      this.#wakeAll();
    };
    listening.stop = stop;
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', () => this.#wakeAll());
    await client.query(`LISTEN ${this.#channel}`).catch((error: unknown) => {
      stop();
      throw error;
    });
  }

  #end(listening: Listening): void {
    listening.isOver = true;
    if (this.#listening === listening) this.#listening = undefined;
  }

  #wakeAll(): void {
    this.#readers.tell();
  }
}
