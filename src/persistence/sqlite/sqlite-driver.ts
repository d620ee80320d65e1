/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What a SQLite engine must offer: synchronous, small, and alike for sql.js, `node:sqlite` and Durable Objects.
 *
 * @module
 */
import type { UnitOfWork } from '../serial/unit-of-work.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import type { StoredEvent } from '../stored-event.js';

/** A value that SQLite stores. Integers are safe integers. */
export type SqliteValue = null | number | string | Uint8Array;

/** One row, in the order of the selected columns. */
export type SqliteRow = readonly SqliteValue[];

/** A prepared statement, to be used again and again. */
export interface SqliteStatement {
  /** Executes and drops any rows. */
  run(parameters: readonly SqliteValue[]): void;
  /** Executes and reads every row. */
  all(parameters: readonly SqliteValue[]): SqliteRow[];
  /** The names of the selected columns, in the order of the rows; none when there are no rows. */
  columnNames(): readonly string[];
  /** Frees the statement before its database is closed. Not to be used afterwards. */
  free(): void;
}

/**
 * An open database, which is one connection. It prepares statements, and frees them when it is closed.
 *
 * Implementations throw the errors of `persistence/errors.ts`, see {@link sqliteError}.
 */
export interface SqliteDatabase {
  /** Executes statements that have no parameters and no rows of interest. */
  exec(sql: string): void;
  /** Prepares one statement. Ownership stays with the database. */
  prepare(sql: string): SqliteStatement;
  /**
   * The whole database as the bytes of a SQLite file, a copy. Only while no transaction is open.
   * Absent where the engine has its own way to last.
   */
  serialize?(): Uint8Array;
  /**
   * Replaces the whole database by another one. Statements that were prepared stay usable.
   *
   * @param image - as `serialize` makes it
   */
  restore?(image: Uint8Array): void;
  /** Frees the database. What was in memory is gone. Closing twice is fine. */
  close(): void;
  /**
   * Calls a listener once, when the database is closed; at once, when it is closed already. So live queries over it end.
   *
   * @defaultValue nobody is told: whoever closes such a database ends the live queries before
   */
  onClosed?(listener: () => void): void;
  /**
   * Transactions that may write. They fail to begin at once when another connection writes: recorders wait by themselves,
   * without blocking the thread.
   *
   * @defaultValue `BEGIN IMMEDIATE`, `COMMIT` and `ROLLBACK`
   */
  readonly unit?: UnitOfWork;
  /**
   * Whether units of `unit` may run inside one another: for an engine that refuses `SAVEPOINT` as SQL.
   *
   * @defaultValue false: transactions within transactions are savepoints
   */
  readonly nestsUnits?: boolean;
  /** Milliseconds to wait for another connection. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
  /**
   * Opens one more connection to the same database, which only reads: what was committed, as of the beginning of each of its
   * transactions, and without waiting for who writes. Its `unit` begins a transaction that reads.
   *
   * @defaultValue there is one connection, and whoever reads waits for its turn
   */
  openReader?(): SqliteDatabase;
  /** How many of them there may be at once. @defaultValue 0 */
  readonly readersMax?: number;
  /**
   * The database behind this one, which others have open as well: its turns, transactions and changes are those of this one.
   *
   * @defaultValue it is this one's alone
   */
  readonly sharedWith?: SqliteDatabase;
  /**
   * Whether each value that goes in or out takes a call of its own, so that many rows are better written by one statement,
   * and read as a few joined values. The database is in UTF-8 then.
   *
   * @defaultValue false
   */
  readonly batchesRows?: boolean;
  /**
   * Called in the unit of a process recorder that is about to insert events, with those. What it throws, the unit is
   * refused with; what it writes by other ways of the engine commits with them.
   *
   * @defaultValue nothing is asked
   */
  beforeEvents?(events: readonly StoredEvent[]): void;
  /** What is otherwise than in SQLite, for what stands beside the events. @defaultValue nothing */
  readonly dialect?: Partial<SqlDialect> | undefined;
  /** Parameters that a statement may have. @defaultValue 32,766, as SQLite is built */
  readonly parametersMax?: number | undefined;
}

/** A database that whoever opened it closes: `close`, `using` or `await using`. */
export interface OpenedSqliteDatabase extends SqliteDatabase, Disposable, AsyncDisposable {}
