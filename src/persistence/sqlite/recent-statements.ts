import type { SqliteDatabase, SqliteStatement } from './sqlite-driver.js';

// More texts than an application uses by turns; each prepared statement is some kilobytes of SQLite's memory.
const TEXTS_MAX = 100;

/** Keeps what was made of the texts that were used last, of texts that may be many. */
export class RecentTexts<Made> {
  readonly #make: (text: string) => Made;
  readonly #free: (made: Made) => void;
  readonly #made = new Map<string, Made>();

  constructor(make: (text: string) => Made, free: (made: Made) => void = () => undefined) {
    this.#make = make;
    this.#free = free;
  }

  /** To be used at once: it is freed when many others were asked for. */
  of(text: string): Made {
    const made = this.#made.get(text) ?? this.#make(text);
    // Set anew, so that the map is in the order of the last use.
    this.#made.delete(text);
    this.#made.set(text, made);
    if (this.#made.size > TEXTS_MAX) this.#freeOldest();
    return made;
  }

  #freeOldest(): void {
    const [oldest] = this.#made;
    if (oldest === undefined) return;
    this.#made.delete(oldest[0]);
    this.#free(oldest[1]);
  }
}

/** Keeps the statements that were used last. */
export class RecentStatements extends RecentTexts<SqliteStatement> {
  constructor(database: SqliteDatabase) {
    super(
      (sql) => database.prepare(sql),
      (statement) => statement.free(),
    );
  }

  /** To be used at once: it is freed when many others were asked for. */
  prepare(sql: string): SqliteStatement {
    return this.of(sql);
  }
}
