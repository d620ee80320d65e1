import { Listeners } from '../../util/listeners.js';
import type { PostgresPool } from './postgres-driver.js';
import { lendClient } from './postgres-session.js';

/**
 * Hears `NOTIFY` on one channel for any number of readers, over one connection that is kept while there are any.
 *
 * A hint only: connections that break are not told of at once, and some databases have no notifications. Readers look
 * for themselves from time to time, and ask for a connection that is lost to be replaced when they do.
 *
 * ```text
 * off ─▶ connecting ─▶ listening ─▶ off        each step to or from listening wakes the readers: they may have missed some
 * ```
 */
export class PostgresListener {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #readers = new Listeners();
  #connecting: Promise<void> | undefined;
  #stop: (() => Promise<void>) | undefined;

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
      await this.#connecting;
      if (this.#readers.size === 0) await this.#off();
    };
  }

  /** Starts listening, unless it does. Waits for nothing, throws nothing. */
  ensure(): void {
    const isOn = this.#connecting !== undefined || this.#stop !== undefined;
    if (isOn || this.#pool.supportsNotifications === false) return;
    this.#connecting = this.#connect()
      .catch(() => undefined)
      .finally(() => (this.#connecting = undefined));
  }

  async #connect(): Promise<void> {
    this.#stop = await (this.#pool.listen?.(this.#channel, () => this.#wakeAll()) ?? this.#listenOnOwnConnection());
    this.#wakeAll();
  }

  async #listenOnOwnConnection(): Promise<(() => Promise<void>) | undefined> {
    const client = await lendClient(this.#pool);
    if (client.on === undefined) {
      client.release();
      return undefined;
    }
    const use = { isOver: false };
    const end = (): void => {
      if (use.isOver) return;
      use.isOver = true;
      // Closed rather than lent again: it has listeners, and would go on listening.
      client.release(new Error('Listened until now.'));
    };
    const onLost = (): void => {
      if (use.isOver) return;
      end();
      this.#stop = undefined;
      this.#wakeAll();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', () => this.#wakeAll());
    await client.query(`LISTEN ${this.#channel}`).catch((error: unknown) => {
      end();
      throw error;
    });
    return use.isOver ? undefined : async () => end();
  }

  async #off(): Promise<void> {
    const stop = this.#stop;
    this.#stop = undefined;
    await stop?.().catch(() => undefined);
  }

  #wakeAll(): void {
    this.#readers.tell();
  }
}
