/**
 * Values of the caller's, on their way to SQLite, and rows on their way back.
 *
 * @module
 */
import { ProgrammingError } from '../../errors.js';
import type { SqlResult } from '../../sql/sql-queryable.js';
import type { SqliteRow, SqliteValue } from '../sqlite-driver.js';

/**
 * A value as SQLite takes it: `undefined` is NULL, booleans are 1 and 0, and a `bigint` goes as its digits, which a column
 * of integers makes an integer of.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none of these, and no number, text or bytes
 */
export function toSqliteValue(value: unknown, index: number): SqliteValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'string' || value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new ProgrammingError(
    `Value ${index + 1} is no number, text, boolean, bytes or null: make it one of them, JSON for example.`,
    { details: { index } },
  );
}

/** Rows as objects. */
export function toResult(rows: readonly SqliteRow[], columns: readonly string[]): SqlResult {
  return { rows: rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]]))) };
}
