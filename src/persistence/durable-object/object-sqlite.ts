/**
 * The SQLite of a Durable Object as a {@link SqliteDatabase}: synchronous, its transactions callbacks.
 *
 * Invariants:
 * 1. One storage has one database: recorders take turns by it.
 * 2. A cursor is read to its end before anything else happens: it does not outlive an `await`, nor the next write.
 * 3. What cannot be stored there is refused before the statement runs.
 *
 * @module
 */
import type { StoredEvent } from '../stored-event.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from '../sqlite/sqlite-driver.js';
import { attempt } from '../sqlite/sqlite-errors.js';
import { countPlaceholders } from '../sqlite/sqlite-placeholders.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import { SQLITE_WORDS } from '../sql/sql-words.js';
import type { UnitOfWork } from '../serial/unit-of-work.js';
import { assertStorable, assertStorableEvents, OBJECT_PARAMETERS_MAX } from './object-limits.js';
import type { ObjectCursor, ObjectStorage } from './object-storage.js';

/** Told of what a database records, while it does. */
export interface RecordingListener {
  /** In the unit that inserts events: what is written to the storage now commits with them. */
  onRecording(): void;
  /** Some unit was taken back, and what was written in it. */
  onTakenBack(): void;
}

const PLAN = /^\s*EXPLAIN\b/i;
let plans = 0;

const databases = new WeakMap<ObjectStorage, ObjectDatabase>();

/**
 * The SQLite of a Durable Object: always the same one for a storage.
 *
 * `storage.sql` by hand, beside it, writes within whatever transaction is open, and is taken back with it.
 */
export function objectSqlite(storage: ObjectStorage): SqliteDatabase {
  return objectDatabase(storage);
}

/** The same, for who listens to it. */
export function objectDatabase(storage: ObjectStorage): ObjectDatabase {
  let database = databases.get(storage);
  if (database === undefined) {
    database = new ObjectDatabase(storage);
    databases.set(storage, database);
  }
  return database;
}

/** See {@link objectSqlite}. */
export class ObjectDatabase implements SqliteDatabase {
  readonly unit: UnitOfWork;
  readonly nestsUnits = true;
  readonly parametersMax: number = OBJECT_PARAMETERS_MAX;
  readonly dialect: Partial<SqlDialect>;
  readonly #storage: ObjectStorage;
  #listener: RecordingListener | undefined;

  /** @param storage - lent: the object has it */
  constructor(storage: ObjectStorage) {
    this.#storage = storage;
    this.dialect = objectDialect(storage);
    this.unit = {
      run: (work) => this.#noting(() => storage.transactionSync(work)),
      runAsync: (work) => this.#notingAsync(() => storage.transaction(work)),
    };
  }

  exec(sql: string): void {
    attempt(() => void this.#storage.sql.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    return new ObjectStatement(this.#storage, sql);
  }

  close(): void {
    // The object has it, for as long as it lives.
  }

  /** There is one listener, for there is one alarm. The last one counts. */
  listen(listener: RecordingListener): void {
    this.#listener = listener;
  }

  beforeEvents(events: readonly StoredEvent[]): void {
    assertStorableEvents(events);
    this.#listener?.onRecording();
  }

  #noting<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#listener?.onTakenBack();
      throw error;
    }
  }

  async #notingAsync<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#listener?.onTakenBack();
      throw error;
    }
  }
}

/** What SQLite is asked elsewhere, it may not be asked here. */
function objectDialect({ sql }: ObjectStorage): Partial<SqlDialect> {
  const { beside } = SQLITE_WORDS;
  return {
    inspection: {
      sizesOf: 'database',
      sizes: () => ({
        text: 'SELECT $1 AS total_bytes, NULL AS table_bytes, NULL AS index_bytes',
        values: [sql.databaseSize],
      }),
    },
    words: {
      ...SQLITE_WORDS,
      ...(beside === undefined ? {} : { beside: { ...beside, availableSql: 'SELECT 1 AS available' } }),
    },
  };
}

/** A text: the runtime keeps what it has prepared of it. */
class ObjectStatement implements SqliteStatement {
  readonly #storage: ObjectStorage;
  readonly #sql: string;
  #columnNames: readonly string[] = [];

  constructor(storage: ObjectStorage, sql: string) {
    this.#storage = storage;
    this.#sql = sql;
  }

  run(parameters: readonly SqliteValue[]): void {
    this.all(parameters);
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    assertStorable(parameters);
    return attempt(() => {
      const cursor = PLAN.test(this.#sql)
        ? this.#explain(parameters)
        : this.#storage.sql.exec(this.#sql, ...parameters);
      this.#columnNames = cursor.columnNames;
      return this.#columnNames.length === 0 ? [] : toRows(cursor.raw());
    });
  }

  columnNames(): readonly string[] {
    return this.#columnNames;
  }

  free(): void {
    // There is nothing to free.
  }

  /**
   * Here a plan takes the values, too. And the runtime keeps what it has prepared of a text: of a plan that would be the one of
   * a schema that is no more, so that no two have one text.
   */
  #explain(parameters: readonly SqliteValue[]): ObjectCursor {
    const missing = parameters.length > 0 ? 0 : countPlaceholders(this.#sql);
    const values = [...parameters, ...Array.from({ length: missing }, () => null)];
    return this.#storage.sql.exec(`${this.#sql}\n-- ${++plans}`, ...values);
  }
}

function toRows(raw: Iterable<readonly unknown[]>): SqliteRow[] {
  const rows: SqliteRow[] = [];
  for (const row of raw) {
    rows.push(row.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : (value as SqliteValue))));
  }
  return rows;
}
