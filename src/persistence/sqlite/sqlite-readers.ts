/**
 * Connections that only read, beside the one that writes: for a database in a file with a write-ahead log, where readers and
 * a writer do not wait for each other.
 *
 * ```text
 *                       nobody writes ─▶ the writer's connection, in its turn: what it has read lies in its cache
 * a read ──┤
 *                       a transaction is open ─▶ a reader that is free, or one more; all are lent ─▶ in its turn
 *
 * transaction(work, { writer: false }) ─▶ a reader, lent for as long as the work takes; all are lent ─▶ waits, first come first
 * ```
 *
 * Invariants:
 *
 * 1. What a reader sees was committed: it is a connection of its own, of the same file.
 * 2. All that is read in one reading transaction is of one moment, that of its beginning: SQLite keeps that version in its log
 *    while the transaction lasts, whatever is committed meanwhile. So the log grows while one is open for long.
 * 3. Readers are opened when they are needed, `readersMax` at the most, and closed with their database.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { InterfaceError } from '../errors.js';
import { heeding } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import { ConnectionUnavailableError } from '../pool-errors.js';
import { LOCK_TIMEOUT_MS_DEFAULT } from '../serial/lock-retry.js';
import type { SqliteDatabase } from './sqlite-driver.js';

/** Who waits for a reader. */
interface Waiter {
  give(reader: SqliteDatabase): void;
  end(): void;
}

/** The readers of one database. */
export class SqliteReaders {
  readonly #database: SqliteDatabase;
  readonly #readersMax: number;
  readonly #free: SqliteDatabase[] = [];
  readonly #all = new Set<SqliteDatabase>();
  readonly #waiting = new Set<Waiter>();
  #transactions = 0;
  #isClosed = false;

  private constructor(database: SqliteDatabase, readersMax: number) {
    this.#database = database;
    this.#readersMax = readersMax;
    database.onClosed?.(() => this.#close());
  }

  static readonly #known = new WeakMap<SqliteDatabase, SqliteReaders>();

  /** The readers of a database, always the same ones; `undefined` where there cannot be any. */
  static of(database: SqliteDatabase): SqliteReaders | undefined {
    const { readersMax = 0 } = database;
    if (database.openReader === undefined || readersMax === 0) return undefined;
    let known = SqliteReaders.#known.get(database);
    if (known === undefined) {
      known = new SqliteReaders(database, readersMax);
      SqliteReaders.#known.set(database, known);
    }
    return known;
  }

  /** Runs a transaction on the writer's connection: reads need not wait for its end. */
  async besides<T>(transaction: () => Promise<T>): Promise<T> {
    this.#transactions++;
    try {
      return await transaction();
    } finally {
      this.#transactions--;
    }
  }

  /**
   * Reads on a reader, where the writer's connection is in the middle of a transaction and a reader is to be had.
   *
   * @returns `undefined` where the read is to wait for its turn at the writer
   */
  async readBeside<T>(read: (reader: SqliteDatabase) => Promise<T>): Promise<{ readonly result: T } | undefined> {
    if (this.#transactions === 0) return undefined;
    const reader = this.#freeOne();
    if (reader === undefined) return undefined;
    try {
      return { result: await read(reader) };
    } finally {
      this.#giveBack(reader);
    }
  }

  /**
   * Lends a reader for as long as the work takes.
   *
   * @throws ConnectionUnavailableError (`CONNECTION_UNAVAILABLE`) when all stay lent for `lockTimeoutMs`
   * @throws InterfaceError (`INTERFACE_ERROR`) when the database was closed
   * @throws the signal's reason, when it is aborted before there is one
   */
  async lend<T>(work: (reader: SqliteDatabase) => Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    const reader = await this.#take(signal);
    try {
      return await work(reader);
    } finally {
      this.#giveBack(reader);
    }
  }

  async #take(signal: AbortSignal | undefined): Promise<SqliteDatabase> {
    const request = Promise.withResolvers<SqliteDatabase>();
    const waiter: Waiter = {
      give: (reader) => request.resolve(reader),
      end: () => request.reject(closed()),
    };
    return await heeding(signal, async (begin) => {
      const free = this.#freeOne();
      if (free !== undefined) return free;
      const { lockTimeoutMs = LOCK_TIMEOUT_MS_DEFAULT } = this.#database;
      const cancel = systemClock.schedule(() => {
        this.#waiting.delete(waiter);
        request.reject(unavailable(this.#readersMax, lockTimeoutMs));
      }, lockTimeoutMs);
      this.#waiting.add(waiter);
      const callOff = (): void => {
        this.#waiting.delete(waiter);
      };
      signal?.addEventListener('abort', callOff, { once: true });
      try {
        const reader = await request.promise;
        return this.#unlessAborted(reader, begin);
      } finally {
        cancel();
        signal?.removeEventListener('abort', callOff);
      }
    });
  }

  /** One that was handed over to who had given up in that moment goes on to the next. */
  #unlessAborted(reader: SqliteDatabase, begin: () => void): SqliteDatabase {
    try {
      begin();
      return reader;
    } catch (error) {
      this.#giveBack(reader);
      throw error;
    }
  }

  /** @throws what opening one throws */
  #freeOne(): SqliteDatabase | undefined {
    if (this.#isClosed) throw closed();
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#all.size >= this.#readersMax) return undefined;
    const opened = this.#database.openReader?.();
    if (opened !== undefined) this.#all.add(opened);
    return opened;
  }

  #giveBack(reader: SqliteDatabase): void {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.give(reader);
      return;
    }
    this.#free.push(reader);
  }

  #close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiting) waiter.end();
    this.#waiting.clear();
    for (const reader of this.#all) reader.close();
  }
}

function closed(): InterfaceError {
  return new InterfaceError('The database is closed.');
}

function unavailable(readersMax: number, lockTimeoutMs: number): ConnectionUnavailableError {
  return new ConnectionUnavailableError(
    `All ${readersMax} connections that read stayed in use for ${lockTimeoutMs} ms. End reading transactions sooner, or open the database with more readers.`,
    { details: { readersMax, lockTimeoutMs } },
  );
}
