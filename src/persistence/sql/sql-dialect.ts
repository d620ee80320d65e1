/**
 * Where engines' SQL differs from what all of them take, declared by the engine; so that what is written over SQL asks for
 * the difference, and never for the engine.
 *
 * @module
 */
import { SQLITE_DOCUMENTS } from './sql-documents.js';
import type { SqlDocuments } from './sql-documents.js';
import type { SqlInspection } from './sql-inspection.js';
import type { SqlQueryable } from './sql-queryable.js';
import type { SqlTenants } from './sql-tenants.js';
import type { SqlWords } from './sql-words.js';

/** What types of columns are called. */
export interface SqlTypes {
  readonly integer: string;
  readonly bytes: string;
  /** JSON that comes back as the text that it was, with all that a text can hold. */
  readonly json: string;
  /** Times in ISO 8601. */
  readonly instant: string;
  /** Texts in the order of their bytes. */
  readonly word: string;
}

/** Which log of a database a recorder has. */
export interface SqlLog {
  /** The table of its events, as SQL. */
  readonly eventsTable: string;
  /** The table of its tracking, as SQL. */
  readonly trackingTable: string;
  /** What its columns are called, as SQL. */
  readonly columns: Readonly<
    Record<'originatorId' | 'originatorVersion' | 'topic' | 'state' | 'notificationId', string>
  >;
  /** The type of ids of aggregates. */
  readonly originatorIdType: 'uuid' | 'text';
  /** Statements by which who writes events takes its turn, without a semicolon at the end. */
  readonly lockSql: string;
  /** A query for the column `name` that says which log it is, `$1` being the table, by schema and name. */
  readonly nameSql: string;
  /** The state of an error that says that somebody may not do something. */
  readonly deniedState: string;
  /** How its tables are shared with other tenants. @defaultValue they are not */
  readonly tenants?: SqlTenants | undefined;
}

/** The tables beside a log's events that say what has left for archives. */
export interface SqlArchive {
  /** As SQL. */
  readonly archives: string;
  /** As SQL. */
  readonly archived: string;
  /** A query for one row, with `1` where the tables are there; else for none. */
  readonly isThereSql: string;
  /** Creates them, and what refuses events in archived places. */
  readonly createSql: readonly string[];
  /** An aggregate's id as it is written there. */
  readonly keyOf: (originatorId: string) => string;
}

/** The SQL of an engine. Every difference has a default, which is SQLite's. */
export interface SqlDialect {
  /** For messages, and for a caller who writes his own SQL for each engine. */
  readonly name: 'sqlite' | 'postgres';
  /** @defaultValue `INTEGER`, `BLOB`, and `TEXT` for the others */
  readonly types?: Partial<SqlTypes>;
  /** Whether a table may be in a schema. @defaultValue false: a schema that the configuration names is passed over */
  readonly supportsSchemas?: boolean;
  /** Ends a `SELECT` whose rows nobody else is to change until the end of the transaction. @defaultValue nothing: one writes at a time */
  readonly rowLock?: string;
  /** The same, passing over rows that others hold. @defaultValue nothing: one writes at a time */
  readonly freeRowLock?: string;
  /**
   * A statement that waits for the end of other transactions that named the same text, `$1`.
   *
   * @defaultValue none: one writes at a time
   */
  readonly turnSql?: string;
  /**
   * A query for the column `name` of the tables and indexes in a schema, `$1`, or of those that are meant without one
   * where it is null; of indexes those that are whole.
   *
   * @defaultValue SQLite's
   */
  readonly relationsSql?: string;
  /**
   * How long a statement waits for a lock.
   *
   * @defaultValue none: one writes at a time
   */
  readonly lockTimeouts?: LockTimeouts | undefined;
  /**
   * Turns that nobody waits for in the database.
   *
   * @defaultValue none: one writes at a time
   */
  readonly triedTurns?: TriedTurns | undefined;
  /**
   * How an index of a table that is there is created while others write to it, where there are `triedTurns`.
   *
   * @defaultValue in a transaction, as everything: one writes at a time
   */
  readonly besideWriters?: IndexesBesideWriters | undefined;
  /**
   * Which log the recorder has, where a database may have several.
   *
   * @defaultValue none: a database has one log, and all that is kept beside events is of that one
   */
  readonly log?: SqlLog;
  /** How it is asked for sizes and indexes. @defaultValue SQLite's */
  readonly inspection?: SqlInspection | undefined;
  /** The table of the recorder's events, as SQL, where there is no {@link SqlDialect.log}. @defaultValue `stored_events` */
  readonly eventsTable?: string | undefined;
  /** JSON documents in columns. @defaultValue SQLite's: texts */
  readonly documents?: SqlDocuments | undefined;
  /** How words are found in columns. @defaultValue SQLite's */
  readonly words?: SqlWords | undefined;
  /**
   * By what rows of a table are told apart, and read in parts.
   *
   * @defaultValue SQLite's `_rowid_`, where a table has one
   */
  readonly rowPlace?: RowPlace | undefined;
  /**
   * Makes of a column, as SQL, an expression that gives whole numbers with all their digits, whatever the driver.
   *
   * @defaultValue SQLite's, whose drivers may give doubles
   */
  readonly exactSql?: ((column: string) => string) | undefined;
  /**
   * Which tables a statement reads; `undefined` where it cannot be told.
   *
   * @defaultValue SQLite's, by its plan
   */
  readonly tablesReadBy?: TablesReadBy | undefined;
  /** @defaultValue none: its events do not leave for archives */
  readonly archive?: SqlArchive | undefined;
  /**
   * Statements after which the next event that the transaction records has the position `$1`, where that is above all that there
   * are; under the writers' lock. Where they can do nothing they do nothing.
   *
   * @defaultValue none: positions are the recorder's to give
   */
  readonly nextPositionSql?: readonly string[] | undefined;
  /** Parameters that a statement may have. @defaultValue 32,766: SQLite's, and fewer than PostgreSQL's */
  readonly parametersMax?: number | undefined;
}

/** How long statements wait for locks. */
export interface LockTimeouts {
  /** Sets it until the end of the transaction; 0 is for ever. */
  readonly setSql: (timeoutMs: number) => string;
  /** `details.sqlState` of the error when it was too long. */
  readonly errorState: string;
}

/** A turn is had until the end of a transaction, or not at all. */
export interface TriedTurns {
  /** Takes the turn of a name, `$1`, if nobody has it: a query for the column `taken`. */
  readonly trySql: string;
  /** Shows the server that who has a turn is there, and takes no snapshot. */
  readonly signOfLifeSql: string;
}

/** How an index is created that nobody waits for. */
export interface IndexesBesideWriters {
  /** Makes of a statement that creates an index one that is to be run outside of any transaction. */
  readonly createSql: (sql: string) => string;
  /** Makes an index whole whose creation was broken off, by its name as SQL. */
  readonly repairSql: (index: string) => string;
  /** A query for the column `name`, as SQL, of an index of the table `$1` that is called `$2`, both as SQL, and is of no use. */
  readonly uselessSql: string;
  /** Removes an index, by its name as SQL. */
  readonly dropSql: (index: string) => string;
  /**
   * Whether an error says that the server has ended one of two who waited for each other: who builds an index waits for all
   * that have begun before, and an `ANALYZE` that has begun before waits for the table.
   */
  readonly isOvertaken: (error: unknown) => boolean;
}

/** Asks an engine which tables a statement reads. */
export type TablesReadBy = (
  sql: SqlQueryable,
  text: string,
  values: unknown[],
) => Promise<readonly string[] | undefined>;

/** A column that every row of a table has, whatever the table: where it is. */
export interface RowPlace {
  readonly column: string;
  readonly type: string;
  /** Below all that there are, as a text. */
  readonly first: string;
}

const ROWID: RowPlace = { column: '_rowid_', type: 'INTEGER', first: String(-(2n ** 63n)) };

/** SQLite's, and that of whatever keeps its tables in SQLite: all defaults. */
export const SQLITE_DIALECT: SqlDialect = { name: 'sqlite' };

const TYPES: SqlTypes = { integer: 'INTEGER', bytes: 'BLOB', json: 'TEXT', instant: 'TEXT', word: 'TEXT' };

/** The types of columns of a dialect. */
export function columnTypes({ types }: SqlDialect): SqlTypes {
  return { ...TYPES, ...types };
}

/** The documents of a dialect. */
export function documentsOf({ documents }: SqlDialect): SqlDocuments {
  return documents ?? SQLITE_DOCUMENTS;
}

/** A column, as SQL, with all digits of whole numbers. */
export function exactSql({ exactSql: exact }: SqlDialect, column: string): string {
  return exact?.(column) ?? `CASE typeof(${column}) WHEN 'integer' THEN CAST(${column} AS TEXT) ELSE ${column} END`;
}

/** By what rows of a table are told apart; `undefined` where nothing does. */
export async function rowPlace(
  sql: SqlQueryable,
  { rowPlace: place }: SqlDialect,
  table: string,
): Promise<RowPlace | undefined> {
  if (place !== undefined) return place;
  const { rows } = await sql.query("SELECT sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower($1)", [
    table,
  ]);
  const created = rows[0]?.['sql'] as string | undefined;
  return created === undefined || /\bWITHOUT\s+ROWID\b/i.test(created) ? undefined : ROWID;
}

/** Waits until no other transaction has the turn of this name, and has it until the end of its own. */
export async function takeTurn(connection: SqlQueryable, { turnSql }: SqlDialect, name: string): Promise<void> {
  if (turnSql !== undefined) await connection.query(turnSql, [name]);
}
