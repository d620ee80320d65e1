/**
 * Pools of one connection: whoever needs it waits for those before.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import { Listeners } from '../../util/listeners.js';
import type {
  PostgresClient,
  PostgresConnection,
  PostgresPool,
  PostgresQueryable,
  PostgresResult,
} from './postgres-driver.js';
import { ConnectionPoolClosedError, ConnectionUnavailableError } from '../pool-errors.js';

// As the pool of several connections waits. Most likely somebody waits inside a transaction for what can only come after it.
const WAIT_MS_MAX = 30_000;

/** A connection that is not closed here. */
export type LentConnection = Omit<PostgresConnection, 'end'>;

function waitedTooLong(): ConnectionUnavailableError {
  return new ConnectionUnavailableError(
    `The only connection stayed in use for ${WAIT_MS_MAX} ms. Nothing was stored. Inside a transaction, call the transaction itself.`,
    { details: { waitMsMax: WAIT_MS_MAX } },
  );
}

/**
 * Makes a pool of one connection, for example a `pg.Client` that is connected. It is lent, not owned: the caller
 * closes it, and replaces it, and the recorder, when it breaks.
 *
 * Inside `recorder.transaction`, the transaction has the connection: asking the recorder itself there waits in vain,
 * until it is refused after 30 seconds. After the connection has ended, everything is refused with `ConnectionPoolClosedError`
 * (`CONNECTION_POOL_CLOSED`), and subscriptions and live queries end with it.
 *
 * @example
 * ```ts
 * const client = new pg.Client(process.env.DATABASE_URL);
 * await client.connect();
 * const recorder = new PostgresProcessRecorder({ pool: singleClient(client) });
 * ```
 */
export function singleClient(connection: LentConnection): PostgresPool {
  return new SingleClient(connection);
}

/** Lends one connection to one user at a time, in the order in which they asked. */
class SingleClient implements PostgresPool {
  readonly connectionsMax = 1;
  readonly supportsNotifications: boolean;
  readonly #connection: PostgresQueryable;
  readonly #turns = new FifoMutex({ waitMsMax: WAIT_MS_MAX, clock: systemClock, tooLong: waitedTooLong });
  readonly #listeners = new Map<string, Listeners>();
  #hasEnded = false;
  /** Of who has the connection: why it broke, before the next statement is told that it did. */
  #onError: (error?: unknown) => void = () => undefined;

  constructor(connection: LentConnection) {
    this.#connection = connection;
    this.supportsNotifications = connection.on !== undefined;
    connection.on?.('notification', () => {
      // Which channel it was does not matter: a wake-up for nothing costs one look.
      for (const listeners of this.#listeners.values()) listeners.tell();
    });
    // What broke is told by the next statement; without a listener it would end the process.
    connection.on?.('error', (error) => this.#onError(error));
    connection.on?.('end', () => (this.#hasEnded = true));
  }

  async query(text: string, values?: unknown[]): Promise<PostgresResult> {
    return await this.#turns.run(() => {
      this.#assertOpen();
      return this.#connection.query(text, values);
    });
  }

  async connect(): Promise<PostgresClient> {
    const connection = this.#connection;
    return await new Promise((resolve, reject) => {
      const use = (): Promise<void> =>
        new Promise((end) => {
          const on: PostgresClient['on'] = (event, listener) => event === 'error' && (this.#onError = listener);
          const release = (): void => {
            this.#onError = () => undefined;
            end();
          };
          this.#assertOpen();
          resolve({ query: (...args) => connection.query(...args), on, release });
        });
      Promise.resolve(this.#turns.run(use)).catch(reject);
    });
  }

  /** Nobody makes another one, so whoever follows what it reads stops. */
  #assertOpen(): void {
    if (this.#hasEnded) throw new ConnectionPoolClosedError('The only connection has ended. Nothing was stored.');
  }

  async listen(channel: string, onNotification: () => void): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(channel) ?? new Listeners();
    this.#listeners.set(channel, listeners);
    const remove = listeners.add(onNotification);
    // In its turn: in the middle of somebody's transaction it would be undone with it.
    await this.query(`LISTEN ${channel}`);
    return async () => {
      remove();
      if (listeners.size === 0) await this.query(`UNLISTEN ${channel}`);
    };
  }
}
