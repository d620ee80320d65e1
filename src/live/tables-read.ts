/**
 * Which tables a statement reads, asked of the engine: through views, indexes and subqueries. To parse SQL well enough for that
 * would be to write the engine again.
 *
 * @module
 */
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';

const OPENS = new Set(['OpenRead', 'ReopenIdx', 'OpenWrite']);
const SCHEMA_SQL = 'SELECT rootpage, tbl_name AS name, sql FROM sqlite_schema';

/**
 * The tables that a statement reads.
 *
 * @returns `undefined` where it cannot be told: then it may be any
 * @throws as the statement does
 */
export async function tablesRead(
  sql: SqlQueryable,
  { tablesReadBy }: SqlDialect,
  text: string,
  values: unknown[],
): Promise<readonly string[] | undefined> {
  return await (tablesReadBy ?? ofSqlite)(sql, text, values);
}

/** Its plan opens what it reads by the number of the page where that begins. */
async function ofSqlite(sql: SqlQueryable, text: string, values: unknown[]): Promise<readonly string[] | undefined> {
  const [plan, schema] = await Promise.all([sql.query(`EXPLAIN ${text}`, values), sql.query(SCHEMA_SQL, [])]);
  const names = new Map(schema.rows.map(({ rootpage, name }) => [Number(rootpage), String(name)]));
  const tables = new Set<string>();
  for (const { opcode, p2, p3 } of plan.rows) {
    // What a table of a module reads nobody can say. Functions that are asked like tables, `json_each`, read none, and no table
    // is made for them.
    if (opcode === 'VOpen' && schema.rows.some(isVirtual)) return undefined;
    if (!OPENS.has(String(opcode)) || Number(p3) !== 0) continue;
    // The schema itself begins at the first page.
    tables.add(names.get(Number(p2)) ?? 'sqlite_schema');
  }
  return [...tables];
}

function isVirtual({ sql }: Readonly<Record<string, unknown>>): boolean {
  return typeof sql === 'string' && /^\s*CREATE\s+VIRTUAL/i.test(sql);
}
