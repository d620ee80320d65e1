import type { SqlDialect } from './sql-dialect.js';

// SQLite's, as it is built, and fewer than PostgreSQL's.
const PARAMETERS_MAX = 32_766;

/** How much one statement takes. */
export interface StatementSize {
  /** Rows, at most. */
  readonly rowsMax: number;
  /** Parameters of a row. */
  readonly columns: number;
  /** Parameters beside those of the rows. @defaultValue 0 */
  readonly others?: number;
}

/** Rows in parts that one statement takes. */
export function* statementParts<T>(
  { parametersMax = PARAMETERS_MAX }: SqlDialect,
  rows: readonly T[],
  { rowsMax, columns, others = 0 }: StatementSize,
): Generator<readonly T[]> {
  // One row always goes, so that this ends: the engine says whether it is too much.
  const size = Math.max(1, Math.min(rowsMax, Math.floor((parametersMax - others) / columns)));
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size);
}

/** Lists of numbered parameters: `($1, $2), ($3, $4)`. */
export function valueRows(rows: number, columns: number): string {
  return Array.from({ length: rows }, (_, row) => `(${parameters(columns, row * columns + 1)})`).join(', ');
}

/** Numbered parameters: `$3, $4, $5`. */
export function parameters(count: number, first: number): string {
  return Array.from({ length: count }, (_, index) => `$${index + first}`).join(', ');
}
