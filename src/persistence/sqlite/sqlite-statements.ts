import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';

/** Prepares each statement once. For texts that are few: they are kept as long as the database. */
export class SqliteStatements {
  readonly #database: SqliteDatabase;
  readonly #prepared = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  prepare(sql: string): SqliteStatement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  run(sql: string, parameters: readonly SqliteValue[]): void {
    this.prepare(sql).run(parameters);
  }

  all(sql: string, parameters: readonly SqliteValue[]): SqliteRow[] {
    return this.prepare(sql).all(parameters);
  }

  /** The first column of the first row, or undefined when there is no row or it is NULL. */
  number(sql: string, parameters: readonly SqliteValue[]): number | undefined {
    return (this.all(sql, parameters)[0]?.[0] as number | null | undefined) ?? undefined;
  }
}
