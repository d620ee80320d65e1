/**
 * The caller's SQL on SQLite, in the form that is the same on every engine.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import type { SqlResult } from '../sql/sql-queryable.js';
import { validateStatement } from '../validation.js';
import { RecentTexts } from './recent-statements.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { inPlaceholderOrder, toPlainPlaceholders } from './sqlite-placeholders.js';

/** A text that was taken apart and compiled. */
class Compiled {
  readonly #statement: SqliteStatement;
  readonly #order: readonly number[];
  #names: readonly string[] | undefined;

  constructor(database: SqliteDatabase, text: string) {
    const { sql, order } = toPlainPlaceholders(text);
    this.#statement = database.prepare(sql);
    this.#order = order;
  }

  run(values: readonly unknown[]): SqlResult {
    const rows = this.#statement.all(inPlaceholderOrder(this.#order, values).map(toSqliteValue));
    return { rows: rows.length === 0 ? [] : toRows((this.#names ??= this.#statement.columnNames()), rows) };
  }

  free(): void {
    this.#statement.free();
  }
}

/**
 * What is worth to be compiled once. Pragmas and changes of the schema are not. And which columns `*` is depends on the schema: a
 * driver may have counted them before SQLite compiles the statement anew.
 */
const IS_KEPT = /^\s*(?:SELECT|VALUES|INSERT|REPLACE|UPDATE|DELETE|WITH)\b[^*]*$/i;

const recent = new WeakMap<SqliteDatabase, RecentTexts<Compiled>>();

/**
 * Runs one statement with parameters `$1`, `$2` …
 *
 * What is asked again is not compiled again: of a query that finds a few rows by an index, that is half the time.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when values and parameters do not fit, or SQLite stores no such value
 */
export function runQuery(database: SqliteDatabase, text: string, values: readonly unknown[] = []): SqlResult {
  validateStatement(text, values);
  if (IS_KEPT.test(text)) return recentOf(database).of(text).run(values);
  const compiled = new Compiled(database, text);
  try {
    return compiled.run(values);
  } finally {
    compiled.free();
  }
}

function recentOf(database: SqliteDatabase): RecentTexts<Compiled> {
  let known = recent.get(database);
  if (known === undefined) {
    known = new RecentTexts(
      (text) => new Compiled(database, text),
      (compiled) => compiled.free(),
    );
    recent.set(database, known);
  }
  return known;
}

function toRows(names: readonly string[], rows: readonly SqliteRow[]): Readonly<Record<string, SqliteValue>>[] {
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] as SqliteValue])));
}

function toSqliteValue(value: unknown, index: number): SqliteValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'string' || value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw new ProgrammingError(`SQLite stores no ${typeof value}: see the value of placeholder ${index + 1}.`);
}
