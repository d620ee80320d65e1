import type { SqliteDatabase, SqliteRow } from '../../src/persistence/sqlite/sqlite-driver.js';

/**
 * Everything that a database holds, exactly, as text: the schema, each table's rows with their rowids, types and bytes.
 * Written apart from the code that it checks.
 */
export function dumpTables(database: SqliteDatabase): string {
  const schema = rows(database, 'SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY type, name');
  const tables = rows(database, "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'");
  const lines = tables.map(([name, withoutRowid]) => dumpTable(database, name as string, withoutRowid === 1)).sort();
  return [JSON.stringify(schema, null, 1), ...lines].join('\n');
}

/** A dump without the rows of units: they are inserted when a transaction is applied, and so not seen in it. */
export function withoutUnits(dump: string): string {
  return dump.replace(/^-- daybook_units\n(?:(?!-- ).*\n)*/m, '');
}

function dumpTable(database: SqliteDatabase, table: string, withoutRowid: boolean): string {
  // How SQLite numbers the rows of its own tables is nobody's business.
  if (table === 'sqlite_schema') return '';
  const columns = rows(database, 'SELECT name FROM pragma_table_xinfo(?) ORDER BY cid', [table]).map(
    ([name]) => name as string,
  );
  const rowid = ['rowid', '_rowid_', 'oid'].find((name) => !columns.map((one) => one.toLowerCase()).includes(name));
  const selected = columns.map((column) => `"${column.replaceAll('"', '""')}"`);
  if (!withoutRowid && table !== 'sqlite_sequence') selected.unshift(rowid as string);
  const shown = selected.flatMap((name) => [
    `typeof(${name})`,
    `CASE typeof(${name}) WHEN 'real' THEN ${name} WHEN 'integer' THEN CAST(${name} AS TEXT) ELSE hex(${name}) END`,
  ]);
  const found = rows(database, `SELECT ${shown.join(', ')} FROM main."${table.replaceAll('"', '""')}"`);
  return [`-- ${table}`, ...found.map((row) => row.map(exactText).join(' ')).sort()].join('\n');
}

function exactText(value: SqliteRow[number]): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function rows(database: SqliteDatabase, sql: string, parameters: string[] = []): SqliteRow[] {
  const statement = database.prepare(sql);
  try {
    return statement.all(parameters);
  } finally {
    statement.free();
  }
}
