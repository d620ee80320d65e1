import { DataError } from '../../persistence/errors.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';

/** @throws DataError (`DATA_ERROR`) when a column holds no text */
export function textOf(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw new DataError(`Column ${column} of a log of units should hold a text, but does not.`, { details: { column } });
}
