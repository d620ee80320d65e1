/**
 * The caller's own tables as they are: what their rows are known by, and what is in them.
 *
 * @module
 */
import { NotSupportedError } from '../../errors.js';
import { isReservedName } from './own-statement.js';
import type { SqliteDatabase } from '../sqlite-driver.js';
import { statementsOf } from '../sqlite-connection.js';

/** One of the caller's tables. */
export interface TableLayout {
  readonly table: string;
  /** The rowid, under a name that no column has; or the primary key of a table without rowids. */
  readonly keyColumns: readonly string[];
  /** All others that are stored: not what is generated. */
  readonly valueColumns: readonly string[];
}

interface Column {
  readonly name: string;
  /** 1 and more: its place in the primary key. */
  readonly primaryKey: number;
  readonly isGenerated: boolean;
}

const ROWID_NAMES = ['rowid', '_rowid_', 'oid'];

/**
 * Reads the layout of every table that is the caller's.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the rows of one cannot be told apart
 */
export function readLayouts(database: SqliteDatabase): TableLayout[] {
  const statements = statementsOf(database);
  const sql = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name";
  return statements
    .all(sql, [])
    .filter(([name]) => !isReservedName(name as string))
    .map(([name, withoutRowid]) => layoutOf(name as string, withoutRowid === 1, readColumns(database, name as string)));
}

function readColumns(database: SqliteDatabase, table: string): Column[] {
  const sql = "SELECT name, pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid";
  return statementsOf(database)
    .all(sql, [table])
    .map(([name, primaryKey, hidden]) => ({
      name: name as string,
      primaryKey: primaryKey as number,
      isGenerated: hidden !== 0,
    }));
}

function layoutOf(table: string, withoutRowid: boolean, columns: readonly Column[]): TableLayout {
  const stored = columns.filter(({ isGenerated }) => !isGenerated);
  const names = stored.map(({ name }) => name);
  if (!withoutRowid) return { table, keyColumns: [rowidOf(table, columns)], valueColumns: names };
  const key = stored.filter(({ primaryKey }) => primaryKey > 0).sort((a, b) => a.primaryKey - b.primaryKey);
  const keyColumns = key.map(({ name }) => name);
  return { table, keyColumns, valueColumns: names.filter((name) => !keyColumns.includes(name)) };
}

function rowidOf(table: string, columns: readonly Column[]): string {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  const rowid = ROWID_NAMES.find((name) => !taken.has(name));
  if (rowid !== undefined) return rowid;
  throw new NotSupportedError(
    `The table "${table}" has columns named ${ROWID_NAMES.join(', ')}, so that the rowids of its rows cannot be read. Rename one of them.`,
    { details: { reason: 'rowid', table } },
  );
}
