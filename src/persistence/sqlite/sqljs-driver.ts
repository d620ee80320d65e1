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
  /** The bytes of a SQLite file to begin with. @defaultValue an empty database */
  readonly image?: Uint8Array;
}

/** A database that can be made bytes of, and of bytes. */
export type SqlJsImageDatabase = SqliteDatabase & Required<Pick<SqliteDatabase, 'serialize' | 'restore'>>;

/**
 * Opens a database in memory.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the wasm file cannot be loaded
 */
export async function openSqlJs(options: OpenSqlJsOptions = {}): Promise<SqlJsImageDatabase> {
  const { wasmUrl, image } = options;
  const sqlJs = await initSqlJs(wasmUrl === undefined ? {} : { locateFile: () => wasmUrl }).catch((cause: unknown) => {
    throw new StorageUnavailableError(
      `SQLite's WebAssembly could not be loaded${wasmUrl === undefined ? '' : ` from ${wasmUrl}`}. Serve the file sql-wasm.wasm, or name its place with the option wasmUrl.`,
      { cause },
    );
  });
  return new SqlJsDatabase((bytes) => new sqlJs.Database(bytes), image);
}

class SqlJsDatabase implements SqlJsImageDatabase {
  readonly batchesRows = true;
  readonly #make: (image?: Uint8Array) => initSqlJs.Database;
  #database: initSqlJs.Database | undefined;

  constructor(make: (image?: Uint8Array) => initSqlJs.Database, image: Uint8Array | undefined) {
    this.#make = make;
    this.#database = attempt(() => make(image));
  }

  exec(sql: string): void {
    attempt(() => this.#open().run(sql));
  }

  prepare(sql: string): SqliteStatement {
    return new SqlJsStatement(() => this.#open(), sql);
  }

  serialize(): Uint8Array {
    return attempt(() => this.#open().export());
  }

  restore(image: Uint8Array): void {
    const before = this.#open();
    this.#database = attempt(() => this.#make(image));
    // Frees its statements too: each is prepared again when it is used next.
    before.close();
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
  readonly #open: () => initSqlJs.Database;
  readonly #sql: string;
  #database: initSqlJs.Database;
  #statement: initSqlJs.Statement;

  constructor(open: () => initSqlJs.Database, sql: string) {
    this.#open = open;
    this.#sql = sql;
    this.#database = open();
    this.#statement = attempt(() => this.#database.prepare(sql));
  }

  run(parameters: readonly SqliteValue[]): void {
    attempt(() => this.#current().run(parameters as initSqlJs.BindParams));
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    return attempt(() => {
      const statement = this.#current();
      const rows: SqliteRow[] = [];
      try {
        statement.bind(parameters as initSqlJs.BindParams);
        while (statement.step()) rows.push(statement.get());
      } finally {
        statement.reset();
      }
      return rows;
    });
  }

  columnNames(): readonly string[] {
    return attempt(() => this.#current().getColumnNames());
  }

  free(): void {
    attempt(() => this.#statement.free());
  }

  /** The statement, prepared anew if the database was replaced. */
  #current(): initSqlJs.Statement {
    const database = this.#open();
    if (database !== this.#database) {
      this.#statement = database.prepare(this.#sql);
      this.#database = database;
    }
    return this.#statement;
  }
}
