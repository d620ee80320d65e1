/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `postgres`, the client library of porsager, as a pool: for who has it, and not `pg`.
 *
 * Each connection is an instance of the library with one connection of its own (`max: 1`). What its own pool lends
 * (`sql.reserve()`) does not hear that its connection has gone, and then runs statements on the connection of somebody
 * else, in the middle of that one's transaction: here the instance ends with its connection.
 *
 * @module
 */
import { toHex } from '../sha256.js';
import { ConnectionPool } from './connection-pool.js';
import type { ConnectionPoolOptions } from './connection-pool.js';
import type { PostgresConnection, PostgresPool, PostgresResult, PostgresRow } from './postgres-driver.js';

/** A type of `postgres`, by its shape. */
export interface PostgresJsType {
  readonly to: number;
  readonly from: number[];
  serialize(value: unknown): unknown;
  parse(raw: unknown): unknown;
}

/** What `postgres` is to be given beside an address: it comes after what is the caller's own. */
export interface PostgresJsOverrides {
  readonly max: number;
  readonly idle_timeout: number;
  readonly max_lifetime: null;
  /** Texts stay as they are, whatever the type of the column is, as `pg` sends them. */
  readonly types: Record<string, PostgresJsType>;
  onclose(): void;
  onnotify(): void;
  onnotice(): void;
}

/** The part of an instance of `postgres` that is used. Not its own type, so that it need not be installed. */
export interface PostgresJsSql {
  unsafe(text: string, values?: never[]): PromiseLike<unknown>;
  end(options?: { readonly timeout?: number }): Promise<void>;
}

/** A pool that its owner closes. */
export interface PostgresJsPool extends PostgresPool, AsyncDisposable {
  /** Refuses who waits for a connection, and closes the others when they are given back. Closing twice is fine. */
  end(): Promise<void>;
}

/**
 * Makes a pool of connections of `postgres`. Connects only when it is used.
 *
 * @param open - calls `postgres` with the settings that it is given, which go over its own
 *
 * @example
 * ```ts
 * import postgres from 'postgres';
 *
 * await using pool = postgresJsPool((settings) => postgres(process.env.DATABASE_URL, settings));
 * const recorder = new PostgresProcessRecorder({ pool });
 * ```
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function postgresJsPool(
  open: (settings: PostgresJsOverrides) => PostgresJsSql,
  options: ConnectionPoolOptions = {},
): PostgresJsPool {
  return new ConnectionPool(() => postgresJsConnection(open), options);
}

/** Connects, for a pool or for one use. */
async function postgresJsConnection(
  open: (settings: PostgresJsOverrides) => PostgresJsSql,
): Promise<PostgresConnection> {
  const connection = new PostgresJsConnection(open);
  await connection.query('SELECT 1');
  return connection;
}

type Event = 'notification' | 'error' | 'end';
type Listener = (told?: unknown) => void;

class PostgresJsConnection implements PostgresConnection {
  readonly #sql: PostgresJsSql;
  readonly #listeners: [Event, Listener][] = [];
  #isClosed = false;

  constructor(open: (settings: PostgresJsOverrides) => PostgresJsSql) {
    this.#sql = open({
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      types: TYPES,
      onclose: () => this.#close(),
      onnotify: () => this.#tell('notification'),
      // Printed otherwise: that a table is there already, for example.
      onnotice: () => undefined,
    });
  }

  async query(text: string, values?: unknown[]): Promise<PostgresResult> {
    // In the words of `pg`, by which it is known that nothing was sent.
    if (this.#isClosed) throw new Error('The connection was closed and is not queryable.');
    const given = values?.map((value) => (value === undefined ? null : value)) as never[] | undefined;
    try {
      return toResult(await (given === undefined ? this.#sql.unsafe(text) : this.#unsafe(text, given)));
    } catch (error) {
      throw inWordsOfPg(error);
    }
  }

  async end(): Promise<void> {
    this.#isClosed = true;
    await this.#sql.end({ timeout: 0 });
  }

  on(event: Event, listener: Listener): void {
    this.#listeners.push([event, listener]);
  }

  /** Without values it would take the text for several statements. */
  #unsafe(text: string, values: never[]): PromiseLike<unknown> {
    const sql = this.#sql as {
      unsafe(text: string, values: never[], options: { simple: false }): PromiseLike<unknown>;
    };
    return sql.unsafe(text, values, { simple: false });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Otherwise it would connect anew for the next statement, outside of what the one before was part of.
    void this.#sql.end({ timeout: 0 });
    this.#tell('error', new Error('Connection terminated unexpectedly'));
    this.#tell('end');
  }

  #tell(event: Event, told?: unknown): void {
    for (const [of, listener] of this.#listeners) if (of === event) listener(told);
  }
}

/** Several statements give a list of lists of rows, of those that can have rows; where there is one, only its rows. */
function toResult(result: unknown): PostgresResult {
  if (!Array.isArray(result)) return { rows: [], omitsRowless: true };
  if ('command' in result) return { rows: Array.from(result as PostgresRow[]), omitsRowless: true };
  return Object.assign(result.map(toResult), { omitsRowless: true }) as unknown as PostgresResult;
}

const LOST_CODES: ReadonlySet<unknown> = new Set(['CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECTION_ENDED']);

function inWordsOfPg(error: unknown): unknown {
  const { code, constraint_name: constraint } = error as { code?: unknown; constraint_name?: unknown };
  if (LOST_CODES.has(code)) return new Error('Connection terminated unexpectedly', { cause: error });
  return constraint === undefined ? error : Object.assign(error as Error, { constraint });
}

/** Leaves texts alone: they are the caller's own, and the server reads them, as with `pg`. */
function sentAs(oid: number, serialize: (value: unknown) => string): PostgresJsType {
  return {
    to: oid,
    // What is read stays as the library reads it.
    from: [],
    serialize: (value: unknown) => (typeof value === 'string' ? value : serialize(value)),
    parse: (raw: unknown) => raw,
  };
}

const asJson = (value: unknown): string => JSON.stringify(value);
const asTime = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value));

// The library would write a text as a text of JSON, take any text for false, and cut a time to its milliseconds.
const TYPES: Record<string, PostgresJsType> = {
  bool: sentAs(16, String),
  bytea: sentAs(17, (value) => `\\x${toHex(value as Uint8Array)}`),
  json: sentAs(114, asJson),
  jsonb: sentAs(3802, asJson),
  date: sentAs(1082, asTime),
  timestamp: sentAs(1114, asTime),
  timestamptz: sentAs(1184, asTime),
};
