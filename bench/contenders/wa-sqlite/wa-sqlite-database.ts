/**
 * A thin asynchronous driver over a JSPI build of wa-sqlite.
 *
 * The package's own `sqlite-api.js` is synchronous, so it cannot call a build whose file system waits for IndexedDB.
 * Here the exports are called directly, which is also less work for each call than its wrappers do.
 *
 * @module
 */

/** The part of the Emscripten module that is used. What may reach the file system returns a promise. */
export interface WaSqliteModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAP32: Int32Array;
  vfs_register(vfs: WaSqliteVfs, makeDefault: boolean): number;
  UTF8ToString(pointer: number): string;
  _sqlite3_malloc(bytes: number): number;
  _sqlite3_free(pointer: number): void;
  _sqlite3_open_v2(name: number, database: number, flags: number, vfs: number): Promise<number>;
  _sqlite3_prepare_v2(database: number, sql: number, bytes: number, statement: number, tail: number): Promise<number>;
  _sqlite3_step(statement: number): Promise<number>;
  _sqlite3_reset(statement: number): Promise<number>;
  _sqlite3_finalize(statement: number): Promise<number>;
  _sqlite3_close(database: number): Promise<number>;
  _sqlite3_bind_int(statement: number, index: number, value: number): number;
  _sqlite3_bind_text(statement: number, index: number, pointer: number, bytes: number, destructor: number): number;
  _sqlite3_bind_blob(statement: number, index: number, pointer: number, bytes: number, destructor: number): number;
  _sqlite3_column_int(statement: number, column: number): number;
  _sqlite3_column_text(statement: number, column: number): number;
  _sqlite3_column_blob(statement: number, column: number): number;
  _sqlite3_column_bytes(statement: number, column: number): number;
  _sqlite3_errmsg(database: number): number;
}

/** A file system of wa-sqlite. */
export interface WaSqliteVfs {
  readonly name: string;
  close(): void | Promise<void>;
}

/** Makes a file system; each example of the package exports one. */
export interface WaSqliteVfsClass {
  create(name: string, module: WaSqliteModule): Promise<WaSqliteVfs>;
}

const SQLITE_OK = 0;
const SQLITE_ROW = 100;
const SQLITE_DONE = 101;
const OPEN_READWRITE_CREATE = 0x2 | 0x4;
// The bytes stay where they are until the statement has run, so SQLite need not copy them.
const SQLITE_STATIC = 0;
const SCRATCH_BYTES_MIN = 64 * 1024;
const encoder = new TextEncoder();

/** A value to bind: integers of 32 bits, text, bytes. */
export type WaSqliteValue = number | string | Uint8Array;

/** An open database, with each of its statements prepared once. Calls must not overlap. */
export class WaSqliteDatabase {
  readonly #module: WaSqliteModule;
  readonly #database: number;
  readonly #statements = new Map<string, number>();
  #scratch = 0;
  #scratchBytes = 0;

  private constructor(module: WaSqliteModule, database: number) {
    this.#module = module;
    this.#database = database;
  }

  static async open(module: WaSqliteModule, path: string, vfs: WaSqliteVfs): Promise<WaSqliteDatabase> {
    const out = module._sqlite3_malloc(4);
    const names = [cString(module, path), cString(module, vfs.name)] as const;
    try {
      const code = await module._sqlite3_open_v2(names[0], out, OPEN_READWRITE_CREATE, names[1]);
      const database = new WaSqliteDatabase(module, module.HEAP32[out >> 2] as number);
      database.#check(code);
      return database;
    } finally {
      for (const pointer of [out, ...names]) module._sqlite3_free(pointer);
    }
  }

  /** Executes one statement. */
  async run(sql: string, values: readonly WaSqliteValue[] = []): Promise<void> {
    await this.#execute(sql, values, () => undefined);
  }

  /** The first column of the first row, as an integer. */
  async integer(sql: string): Promise<number> {
    return (await this.rows(sql, [], (row) => row.integer(0)))[0] ?? 0;
  }

  /** Reads every row. */
  async rows<T>(sql: string, values: readonly WaSqliteValue[], read: (row: WaSqliteRow) => T): Promise<T[]> {
    const rows: T[] = [];
    await this.#execute(sql, values, (row) => rows.push(read(row)));
    return rows;
  }

  async close(): Promise<void> {
    for (const statement of this.#statements.values()) await this.#module._sqlite3_finalize(statement);
    this.#module._sqlite3_free(this.#scratch);
    this.#check(await this.#module._sqlite3_close(this.#database));
  }

  async #execute(sql: string, values: readonly WaSqliteValue[], onRow: (row: WaSqliteRow) => void): Promise<void> {
    const statement = this.#statements.get(sql) ?? (await this.#prepare(sql));
    this.#bind(statement, values);
    const row = new WaSqliteRow(this.#module, statement);
    let code = await this.#module._sqlite3_step(statement);
    while (code === SQLITE_ROW) {
      onRow(row);
      code = await this.#module._sqlite3_step(statement);
    }
    if (code !== SQLITE_DONE) this.#check(code);
    this.#check(await this.#module._sqlite3_reset(statement));
  }

  async #prepare(sql: string): Promise<number> {
    const out = this.#module._sqlite3_malloc(4);
    const text = cString(this.#module, sql);
    try {
      this.#check(await this.#module._sqlite3_prepare_v2(this.#database, text, -1, out, 0));
      const statement = this.#module.HEAP32[out >> 2] as number;
      this.#statements.set(sql, statement);
      return statement;
    } finally {
      for (const pointer of [out, text]) this.#module._sqlite3_free(pointer);
    }
  }

  #bind(statement: number, values: readonly WaSqliteValue[]): void {
    const encoded = values.map((value) => (typeof value === 'string' ? encoder.encode(value) : value));
    let at = this.#reserve(
      encoded.reduce<number>((sum, value) => sum + (typeof value === 'number' ? 0 : value.length), 0),
    );
    encoded.forEach((value, index) => {
      if (typeof value === 'number') {
        this.#check(this.#module._sqlite3_bind_int(statement, index + 1, value));
        return;
      }
      this.#module.HEAPU8.set(value, at);
      const isText = typeof values[index] === 'string';
      const bind = isText ? this.#module._sqlite3_bind_text : this.#module._sqlite3_bind_blob;
      this.#check(bind(statement, index + 1, at, value.length, SQLITE_STATIC));
      at += value.length;
    });
  }

  /** One piece of memory for all bytes of a statement; it only grows. */
  #reserve(bytes: number): number {
    if (bytes > this.#scratchBytes || this.#scratch === 0) {
      this.#module._sqlite3_free(this.#scratch);
      this.#scratchBytes = Math.max(bytes, SCRATCH_BYTES_MIN);
      this.#scratch = this.#module._sqlite3_malloc(this.#scratchBytes);
    }
    return this.#scratch;
  }

  #check(code: number): void {
    if (code === SQLITE_OK) return;
    const message = this.#module.UTF8ToString(this.#module._sqlite3_errmsg(this.#database));
    throw new Error(`wa-sqlite: ${message} (${code})`);
  }
}

/** The columns of the row that a statement stands at. */
export class WaSqliteRow {
  readonly #module: WaSqliteModule;
  readonly #statement: number;

  constructor(module: WaSqliteModule, statement: number) {
    this.#module = module;
    this.#statement = statement;
  }

  integer(column: number): number {
    return this.#module._sqlite3_column_int(this.#statement, column);
  }

  text(column: number): string {
    return this.#module.UTF8ToString(this.#module._sqlite3_column_text(this.#statement, column));
  }

  bytes(column: number): Uint8Array {
    const pointer = this.#module._sqlite3_column_blob(this.#statement, column);
    return this.#module.HEAPU8.slice(pointer, pointer + this.#module._sqlite3_column_bytes(this.#statement, column));
  }
}

function cString(module: WaSqliteModule, text: string): number {
  const bytes = encoder.encode(`${text}\0`);
  const pointer = module._sqlite3_malloc(bytes.length);
  module.HEAPU8.set(bytes, pointer);
  return pointer;
}
