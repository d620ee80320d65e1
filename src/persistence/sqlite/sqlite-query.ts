/**
 * The caller's SQL on SQLite, in the form that is the same on every engine.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import type { SqlResult } from '../sql/sql-queryable.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { inPlaceholderOrder, toPlainPlaceholders } from './sqlite-placeholders.js';

/**
 * Runs one statement with parameters `$1`, `$2` …
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when values and parameters do not fit, or SQLite stores no such value
 */
export function runQuery(database: SqliteDatabase, text: string, values: readonly unknown[] = []): SqlResult {
  const { sql, order } = toPlainPlaceholders(text);
  const parameters = inPlaceholderOrder(order, values).map(toSqliteValue);
  const statement = database.prepare(sql);
  try {
    return { rows: toRows(statement, statement.all(parameters)) };
  } finally {
    statement.free();
  }
}

function toRows(statement: SqliteStatement, rows: readonly SqliteRow[]): Readonly<Record<string, SqliteValue>>[] {
  if (rows.length === 0) return [];
  const names = statement.columnNames();
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] as SqliteValue])));
}

function toSqliteValue(value: unknown, index: number): SqliteValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'string' || value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw new ProgrammingError(`SQLite stores no ${typeof value}: see the value of placeholder ${index + 1}.`);
}
