import type { SqliteDatabase, SqliteStatement } from '../sqlite-driver.js';

// More texts than an application uses by turns; each prepared statement is some kilobytes of SQLite's memory.
const STATEMENTS_MAX = 100;

/** Keeps the statements that were used last, of texts that may be many. */
export class OwnStatements {
  readonly #database: SqliteDatabase;
  readonly #prepared = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** To be used at once: it is freed when many others were asked for. */
  prepare(sql: string): SqliteStatement {
    const known = this.#prepared.get(sql);
    const statement = known ?? this.#database.prepare(sql);
    // Set anew, so that the map is in the order of the last use.
    this.#prepared.delete(sql);
    this.#prepared.set(sql, statement);
    if (this.#prepared.size > STATEMENTS_MAX) this.#freeOldest();
    return statement;
  }

  #freeOldest(): void {
    const [oldest] = this.#prepared;
    if (oldest === undefined) return;
    this.#prepared.delete(oldest[0]);
    oldest[1].free();
  }
}
