import { quoted } from '../sqlite-schema.js';
import { exactParameters, exactPlaceholder, quotedColumn } from './exact-values.js';
import type { RecentStatements } from '../recent-statements.js';
import type { ExactRow, RowsChange } from './table-changes.js';

/** Makes the rows of a table what they are in a change. */
export function replayRows(
  statements: RecentStatements,
  { table, keyColumns, valueColumns, gone, rows }: RowsChange,
): void {
  const name = `main.${quoted(table)}`;
  const run = (sql: string, row: ExactRow): void => statements.prepare(sql).run(exactParameters(row));
  const remove = (key: ExactRow): void => {
    // The plus takes the type of the CAST from the comparison: with it, 1 would equal '1' in a column without a type.
    const isKey = key.map(
      (exact, index) => `${quotedColumn(keyColumns[index] as string)} = +${exactPlaceholder(exact)}`,
    );
    run(`DELETE FROM ${name} WHERE ${isKey.join(' AND ')}`, key);
  };
  for (const key of gone) remove(key);
  // All before the first insert: rows may have exchanged values that are unique.
  for (const row of rows) remove(row.slice(0, keyColumns.length));
  const columns = [...keyColumns, ...valueColumns].map(quotedColumn).join(', ');
  for (const row of rows) {
    // Named, because a constraint may have a conflict clause of its own.
    run(`INSERT OR ABORT INTO ${name} (${columns}) VALUES (${row.map(exactPlaceholder).join(', ')})`, row);
  }
}
