/**
 * Refuses tables of the same names in another layout, those of the Python library above all: to create a table if it is
 * missing takes them for ours.
 *
 * @module
 */
import { NotSupportedError } from '../errors.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';

// What tells them apart: the column's name, its type, and its place in the primary key.
const OWN_LAYOUTS = {
  events: ['notification_id INTEGER 1', 'originator_id BLOB 0'],
  sequences: ['originator_id BLOB 1'],
  tracking: ['application_name TEXT 1', 'notification_id INTEGER 0'],
} as const;

/**
 * Looks at a table that may be there. A missing one is fine.
 *
 * @param table - its name, as it is
 * @returns whether it is there
 * @throws NotSupportedError (`NOT_SUPPORTED`) when it is not in the layout that is expected
 */
export function refuseForeignTable(database: SqliteDatabase, layout: keyof typeof OWN_LAYOUTS, table: string): boolean {
  const rows = statementsOf(database).all('SELECT name, type, pk FROM pragma_table_info(?)', [table]);
  const columns = new Set(rows.map((row) => row.join(' ')));
  if (columns.size === 0) return false;
  if (OWN_LAYOUTS[layout].every((column) => columns.has(column))) return true;
  throw new NotSupportedError(
    `The table ${table} of this SQLite database is not one of Daybook's: the Python library, for example, makes another of this name. Nothing was stored. Give Daybook a file of its own (SQLITE_DBNAME); it shares PostgreSQL with the Python library, but no SQLite file.`,
    { details: { table, columns: [...columns].join(', ') } },
  );
}
