/**
 * SQLite in WebAssembly, in memory, by whichever build of sql.js it is handed.
 *
 * @module
 */
import type initSqlJsOf from 'sql.js';
import type * as SqlJs from 'sql.js';
import { InterfaceError, StorageUnavailableError } from '../errors.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { attempt } from './sqlite-errors.js';
import { zeroUnused } from './unused-bytes.js';

/** How sql.js is loaded: what its package exports. */
export type InitSqlJs = typeof initSqlJsOf;

/** How a database of sql.js is loaded. */
export interface LoadSqlJsOptions {
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
 * @param initSqlJs - of whichever build of sql.js
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the wasm file cannot be loaded, or no WebAssembly is allowed
 */
export async function openWith(initSqlJs: InitSqlJs, options: LoadSqlJsOptions): Promise<SqlJsImageDatabase> {
  const { wasmUrl, image } = options;
  const sqlJs = await initSqlJs(wasmUrl === undefined ? {} : { locateFile: () => wasmUrl }).catch((cause: unknown) => {
    const what = `SQLite's WebAssembly could not be loaded${wasmUrl === undefined ? '' : ` from ${wasmUrl}`}.`;
    throw new StorageUnavailableError(
      isWasmAllowed()
        ? `${what} Serve the file sql-wasm.wasm, or name its place with the option wasmUrl.`
        : `${what} No WebAssembly is allowed here: the content security policy must have 'wasm-unsafe-eval' in its script-src, for worker.js too.`,
      { cause },
    );
  });
  return new SqlJsDatabase((bytes) => new sqlJs.Database(bytes), image);
}

/**
 * What is deleted is overwritten with zeros, or it would go on from image to image: somebody may have asked to be forgotten.
 * Nobody else has the file, which is in memory: it is locked once, not looked at before every read whether somebody has
 * changed it, and what a rollback needs is in no file beside it. Half the time of a commit, and most of a small read's.
 */
function configured(database: SqlJs.Database): SqlJs.Database {
  return database.run('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA secure_delete = ON');
}

/** Asked by the smallest module that there is, because every browser words the refusal in its own way. */
function isWasmAllowed(): boolean {
  try {
    return !!new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  } catch {
    return false;
  }
}

class SqlJsDatabase implements SqlJsImageDatabase {
  readonly batchesRows = true;
  readonly #make: (image?: Uint8Array) => SqlJs.Database;
  #database: SqlJs.Database | undefined;

  constructor(make: (image?: Uint8Array) => SqlJs.Database, image: Uint8Array | undefined) {
    this.#make = make;
    this.#database = attempt(() => configured(make(image)));
  }

  exec(sql: string): void {
    attempt(() => this.#open().run(sql));
  }

  prepare(sql: string): SqliteStatement {
    return new SqlJsStatement(() => this.#open(), sql);
  }

  serialize(): Uint8Array {
    this.#shrink();
    const database = this.#open();
    const image = zeroUnused(attempt(() => database.export()));
    // It opens its database anew for that.
    attempt(() => configured(database));
    return image;
  }

  /**
   * Of a file that is free for a quarter, because history has left for example, the free pages go: else they are in every
   * image, and on the disk. `VACUUM` would give other numbers to rows without keys, by which records know them; into another
   * file it does not.
   */
  #shrink(): void {
    const sql = 'SELECT freelist_count * 4 > page_count FROM pragma_freelist_count, pragma_page_count';
    if (this.prepare(sql).all([])[0]?.[0] === 0) return;
    // Not configured: that would lock its file.
    const other = this.#make() as SqlJs.Database & { readonly filename: string };
    try {
      this.exec(`VACUUM INTO '${other.filename}'`);
      this.restore(other.export());
    } catch {
      // There is no room for two of them, for example: an image that is larger is one, too.
    } finally {
      other.close();
    }
  }

  restore(image: Uint8Array): void {
    const before = this.#open();
    this.#database = attempt(() => configured(this.#make(image)));
    // Frees its statements too: each is prepared again when it is used next.
    before.close();
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #open(): SqlJs.Database {
    if (this.#database === undefined) throw new InterfaceError('The database is closed.');
    return this.#database;
  }
}

class SqlJsStatement implements SqliteStatement {
  readonly #open: () => SqlJs.Database;
  readonly #sql: string;
  #database: SqlJs.Database;
  #statement: SqlJs.Statement;

  constructor(open: () => SqlJs.Database, sql: string) {
    this.#open = open;
    this.#sql = sql;
    this.#database = open();
    this.#statement = attempt(() => this.#database.prepare(sql));
  }

  run(parameters: readonly SqliteValue[]): void {
    attempt(() => this.#current().run(parameters as SqlJs.BindParams));
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    return attempt(() => {
      const statement = this.#current();
      const rows: SqliteRow[] = [];
      try {
        statement.bind(parameters as SqlJs.BindParams);
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
  #current(): SqlJs.Statement {
    const database = this.#open();
    if (database !== this.#database) {
      this.#statement = database.prepare(this.#sql);
      this.#database = database;
    }
    return this.#statement;
  }
}
