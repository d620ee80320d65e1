/**
 * The kinds of client that a pool of `pg` makes.
 *
 * @module
 */
import type { Client, ClientConfig } from 'pg';
import type { PostgresConnection } from './postgres-driver.js';

type ClientClass = new (config?: ClientConfig) => Client;
type ConnectCallback = ((error: Error) => void) | ((error: null, client: Client) => void);

/**
 * Breaks a client's connection, without a word to the server, which may not answer. What it carries rejects.
 *
 * @returns whether it could: not every connection that somebody else makes shows what it stands on
 */
export function breakOff(client: PostgresConnection | Client): boolean {
  const { connection } = (madeConnections.get(client) ?? client) as {
    readonly connection?: { readonly stream?: { destroy?(): void } };
  };
  connection?.stream?.destroy?.();
  return connection?.stream?.destroy !== undefined;
}

/** The connections that somebody else made, by the clients that stand for them. */
const madeConnections = new WeakMap<object, PostgresConnection>();

/** `pg`'s client, with a time limit for connecting that is not the one for waiting, which the pool passes on. */
export function clientWithTimeout(PgClient: ClientClass, connectTimeoutMs: number): ClientClass {
  return class extends PgClient {
    constructor(config: ClientConfig = {}) {
      // The pool hides the password from loops over its options, and a spread is one.
      const hidden = config.password === undefined ? {} : { password: config.password };
      super({ ...config, ...hidden, connectionTimeoutMillis: Math.ceil(connectTimeoutMs) });
    }
  };
}

/**
 * A client that a pool of `pg` can hold, around a connection that somebody else makes. It is a client of `pg` that
 * never connects itself: the pool wants its events and its flags.
 */
export function clientOf(PgClient: ClientClass, create: () => Promise<PostgresConnection>): ClientClass {
  return class extends PgClient {
    #connection: PostgresConnection | undefined;
    #isEnding = false;

    override async connect(callback?: ConnectCallback): Promise<this> {
      try {
        const connection = await create();
        this.#adopt(connection);
        (callback as ((error: null, client: Client) => void) | undefined)?.(null, this);
      } catch (error) {
        if (callback === undefined) throw error;
        (callback as (error: Error) => void)(error instanceof Error ? error : new Error(String(error)));
      }
      return this;
    }

    // Typed by what it is asked, which is the connection's business.
    override query(...args: never[]): never {
      const [text, values, callback] = args as unknown as [
        string,
        unknown[]?,
        ((error: unknown, result?: unknown) => void)?,
      ];
      const result = this.#connection?.query(text, values);
      if (callback === undefined) return result as never;
      result?.then((value) => callback(null, value), callback);
      return undefined as never;
    }

    override async end(callback?: (error: Error) => void): Promise<void> {
      this.#isEnding = true;
      // It is closed by whatever happens: there is nobody to tell.
      await this.#connection?.end().catch(() => undefined);
      this.emit('end');
      (callback as (() => void) | undefined)?.();
    }

    // The socket of this client is never connected: waiting for that would leave one listener after the other.
    ref(): void {
      this.#connection?.ref?.();
    }

    unref(): void {
      this.#connection?.unref?.();
    }

    #adopt(connection: PostgresConnection): void {
      this.#connection = connection;
      madeConnections.set(this, connection);
      connection.on?.('notification', () => this.emit('notification'));
      connection.on?.('error', (error) => this.#lose(error));
      connection.on?.('end', () => this.#lose(undefined));
    }

    #lose(reason: unknown): void {
      if (this.#isEnding) return;
      this.#isEnding = true;
      // By this flag of the client's the pool sees, when it is given back, that it is of no use any more.
      Object.assign(this, { _queryable: false });
      this.emit('error', reason ?? new Error('Connection terminated unexpectedly'));
      this.emit('end');
    }
  };
}
