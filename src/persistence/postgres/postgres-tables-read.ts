/**
 * Which tables a statement reads, asked of PostgreSQL by its plan.
 *
 * @module
 */
import type { TablesReadBy } from '../sql/sql-dialect.js';

// A partition is read, and its parent written.
const PARENTS_SQL = `WITH RECURSIVE parents AS (
    SELECT inhparent AS oid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE relname = ANY($1)
    UNION SELECT inhparent FROM pg_inherits JOIN parents ON parents.oid = inhrelid
  ) SELECT relname AS name FROM parents JOIN pg_class ON pg_class.oid = parents.oid`;

/** Of functions that are asked like tables nobody knows what they read, except PostgreSQL's own. */
export const postgresTablesRead: TablesReadBy = async (sql, text, values) => {
  const { rows } = await sql.query(`EXPLAIN (VERBOSE, FORMAT JSON) ${text}`, values);
  const plan: unknown = rows[0]?.['QUERY PLAN'];
  const read = { tables: new Set<string>(), isKnown: true };
  collect(typeof plan === 'string' ? JSON.parse(plan) : plan, read);
  // What is known to have no rows names no table, and may have some tomorrow.
  if (!read.isKnown || read.tables.size === 0) return undefined;
  const parents = await sql.query(PARENTS_SQL, [[...read.tables]]);
  return [...read.tables, ...parents.rows.map(({ name }) => String(name))];
};

function collect(node: unknown, read: { readonly tables: Set<string>; isKnown: boolean }): void {
  if (typeof node !== 'object' || node === null) return;
  const {
    'Relation Name': relation,
    'Function Name': called,
    Schema: schema,
  } = node as Readonly<Record<string, unknown>>;
  if (typeof relation === 'string') read.tables.add(relation);
  if (called !== undefined && schema !== 'pg_catalog') read.isKnown = false;
  for (const part of Object.values(node)) collect(part, read);
}
