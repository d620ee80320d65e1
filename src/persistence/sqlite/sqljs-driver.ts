/**
 * The one door to sql.js: SQLite in WebAssembly, in memory.
 *
 * @module
 */
import initSqlJs from 'sql.js';
import { InterfaceError, StorageUnavailableError } from '../errors.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { attempt } from './sqlite-errors.js';

/** Options of {@link openSqlJs}. */
export interface OpenSqlJsOptions {
  /** Where `sql-wasm.wasm` lies. @defaultValue as sql.js finds it: beside its script */
  readonly wasmUrl?: string;
}

/**
 * Opens an empty database in memory.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the wasm file cannot be loaded
 */
export async function openSqlJs(options: OpenSqlJsOptions = {}): Promise<SqliteDatabase> {
  const { wasmUrl } = options;
  const sqlJs = await initSqlJs(wasmUrl === undefined ? {} : { locateFile: () => wasmUrl }).catch((cause: unknown) => {
    throw new StorageUnavailableError(
      `SQLite's WebAssembly could not be loaded${wasmUrl === undefined ? '' : ` from ${wasmUrl}`}. Serve the file sql-wasm.wasm, or name its place with the option wasmUrl.`,
      { cause },
    );
  });
  return new SqlJsDatabase(new sqlJs.Database());
}

class SqlJsDatabase implements SqliteDatabase {
  #database: initSqlJs.Database | undefined;

  constructor(database: initSqlJs.Database) {
    this.#database = database;
  }

  exec(sql: string): void {
    attempt(() => this.#open().run(sql));
  }

  prepare(sql: string): SqliteStatement {
    return new SqlJsStatement(attempt(() => this.#open().prepare(sql)));
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #open(): initSqlJs.Database {
    if (this.#database === undefined) throw new InterfaceError('The database is closed.');
    return this.#database;
  }
}

class SqlJsStatement implements SqliteStatement {
  readonly #statement: initSqlJs.Statement;

  constructor(statement: initSqlJs.Statement) {
    this.#statement = statement;
  }

  run(parameters: readonly SqliteValue[]): void {
    attempt(() => this.#statement.run(parameters as initSqlJs.BindParams));
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    return attempt(() => {
      const rows: SqliteRow[] = [];
      try {
        this.#statement.bind(parameters as initSqlJs.BindParams);
        while (this.#statement.step()) rows.push(this.#statement.get());
      } finally {
        this.#statement.reset();
      }
      return rows;
    });
  }

  columnNames(): readonly string[] {
    return attempt(() => this.#statement.getColumnNames());
  }

  free(): void {
    attempt(() => this.#statement.free());
  }
}
