/**
 * The application's own table, which commits write in one transaction with their events, and what SQL sees of the store.
 *
 * @module
 */
import type { Daybook } from 'daybook';

interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

const CREATE = 'CREATE TABLE IF NOT EXISTS soak_rows (commit_id TEXT PRIMARY KEY, length INTEGER NOT NULL)';

/** Adds a commit's row, and the table where it is missing. */
export async function addOwnRow(connection: Queryable, commitId: string): Promise<void> {
  await connection.query(CREATE);
  await connection.query('INSERT INTO soak_rows (commit_id, length) VALUES ($1, $2)', [commitId, commitId.length]);
}

/** What SQL sees of a store. */
export interface SeenTables {
  /** The rows of each table, in order, as text. */
  readonly rows: readonly (readonly [table: string, row: string])[];
  /** The commits that have a row of their own. */
  readonly ownRows: readonly string[];
}

/** Reads every table. */
export async function seeTables({ recorder }: Daybook): Promise<SeenTables> {
  return recorder.transaction(async ({ connection }) => {
    const rows: (readonly [string, string])[] = [];
    const ownRows: string[] = [];
    const tables = await connection.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    for (const name of tables.rows.map((row) => String(row['name']))) {
      const isOwn = name === 'soak_rows';
      // States are compared by the digest of all events: here their length is enough.
      const columns = await connection.query(`SELECT name FROM pragma_table_info('${name}') ORDER BY cid`);
      const names = columns.rows.map((row) => `"${String(row['name'])}"`);
      const shown = names.map((column) => (column === '"state"' ? 'length("state") AS "state"' : column));
      const found = await connection.query(`SELECT ${shown.join(', ')} FROM "${name}" ORDER BY ${names.join(', ')}`);
      for (const row of found.rows) {
        rows.push([name, JSON.stringify(row)]);
        if (isOwn) ownRows.push(String(row['commit_id']));
      }
    }
    return { rows, ownRows };
  });
}
