/**
 * Values of SQLite's as they are, whatever a driver makes of them: read and bound in forms that no driver changes.
 *
 * A driver may read integers as doubles, end a text at a zero, or bind a large integer as a real. So integers are read as
 * texts, texts as blobs, and all are cast back by SQLite when they are bound.
 *
 * @module
 */
import { InternalError } from '../../errors.js';
import type { SqliteRow, SqliteValue } from '../sqlite-driver.js';
import { quoted } from '../sqlite-schema.js';
import type { ExactRow, ExactValue } from './table-changes.js';

const textEncoder = new TextEncoder();
const NEGATIVE_ZERO = textEncoder.encode('-0.0');

/**
 * Columns to select, which {@link toExactRow} reads: first the types of all, then each value.
 *
 * @param table - the name that the table goes by in the statement
 */
export function exactColumns(table: string, columns: readonly string[]): string {
  const names = columns.map((column) => `${table}.${quotedColumn(column)}`);
  const types = names.map((name) => `substr(typeof(${name}), 1, 1)`).join(' || ');
  const values = names.map(
    (name) =>
      `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) WHEN 'integer' THEN CAST(${name} AS TEXT) ELSE ${name} END`,
  );
  return [types, ...values].join(', ');
}

/** A row of {@link exactColumns}. */
export function toExactRow([types, ...values]: SqliteRow): ExactRow {
  return values.map((value, index) => toExactValue((types as string).charAt(index), value));
}

function toExactValue(type: string, value: SqliteValue): ExactValue {
  if (type === 'n') return { type: 'null' };
  if (type === 'i') return { type: 'integer', value: BigInt(value as string) };
  if (type === 'r') return { type: 'real', value: value as number };
  // Some drivers have no empty blob.
  if (type === 't') return { type: 'text', value: (value as Uint8Array | null) ?? new Uint8Array(0) };
  if (type === 'b') return { type: 'blob', value: (value as Uint8Array | null) ?? new Uint8Array(0) };
  throw new InternalError(`SQLite has a value of the type ${type}.`);
}

/** How a value stands in a statement: equal for values that can take turns in one. */
export function exactPlaceholder(exact: ExactValue): string {
  if (exact.type === 'null') return 'NULL';
  if (exact.type === 'integer') return 'CAST(? AS INTEGER)';
  if (exact.type === 'real') return 'CAST(? AS REAL)';
  if (exact.value.length === 0) return exact.type === 'text' ? "''" : "x''";
  return exact.type === 'text' ? 'CAST(? AS TEXT)' : '?';
}

/** What is bound to the places of {@link exactPlaceholder}: nothing for those that take nothing. */
export function exactParameters(row: ExactRow): SqliteValue[] {
  return row.flatMap((exact): SqliteValue[] => {
    if (exact.type === 'null') return [];
    if (exact.type === 'integer') return [exact.value.toString()];
    if (exact.type === 'real') return [realParameter(exact.value)];
    return exact.value.length === 0 ? [] : [exact.value];
  });
}

/** A driver may take −0 for the integer 0; SQLite reads it from a text. */
function realParameter(value: number): SqliteValue {
  return Object.is(value, -0) ? NEGATIVE_ZERO : value;
}

/** The name of a column, whatever it is: SQLite refuses none. */
export function quotedColumn(name: string): string {
  return /^sqlite_/i.test(name) ? `"${name.replaceAll('"', '""')}"` : quoted(name);
}
