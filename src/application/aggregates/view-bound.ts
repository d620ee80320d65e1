/**
 * How far the views are that a store has: what they have not taken in may not leave it.
 *
 * The tables are those of `SqlProjectionStore`. A view that has to be made anew, because the order of the log has changed under
 * it, or that was never made in the order of a server's log, has taken in nothing.
 *
 * @module
 */
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';

/** How far the views of a store are. */
export interface ViewBound {
  /** The number of the last confirmed event that all of them have (`unit-order.ts`); `undefined` where there are none. */
  readonly confirmed: number | undefined;
  /** The projection that is farthest behind. */
  readonly projection: string | undefined;
  /** Statements that are true as long as none of them has less. */
  readonly provided: readonly { readonly text: string; readonly values: readonly unknown[] }[];
}

const NONE: ViewBound = { confirmed: undefined, projection: undefined, provided: [] };
const HAS_TABLE_SQL = 'SELECT 1 FROM sqlite_schema WHERE name = $1';
const ERA = 'coalesce((SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = -7), 0)';
const BEHIND = `CASE WHEN p.era = ${ERA} AND p.position IS NULL THEN p.confirmed ELSE 0 END`;
const VIEWS = `projection_checkpoints AS k LEFT JOIN projection_progress AS p
  ON p.projection = k.projection AND p.generation = k.generation
  WHERE k.is_live >= 0 AND k.projection NOT IN (SELECT value FROM json_each($1))`;

/** @param abandoned - projections that do not count */
export async function readViewBound(sql: SqlQueryable, abandoned: readonly string[]): Promise<ViewBound> {
  const names = JSON.stringify(abandoned);
  const has = async (table: string): Promise<boolean> => (await sql.query(HAS_TABLE_SQL, [table])).rows.length > 0;
  if (!(await has('projection_checkpoints'))) return NONE;
  // Views that were made before the store heard of a server's log have none.
  if (!(await has('projection_progress'))) {
    const [first] = (
      await sql.query(
        'SELECT projection FROM projection_checkpoints WHERE is_live >= 0 AND projection NOT IN (SELECT value FROM json_each($1)) LIMIT 1',
        [names],
      )
    ).rows;
    return first === undefined ? NONE : { confirmed: 0, projection: String(first['projection']), provided: [] };
  }
  const [row] = (
    await sql.query(`SELECT k.projection, ${BEHIND} AS confirmed FROM ${VIEWS} ORDER BY ${BEHIND} LIMIT 1`, [names])
  ).rows;
  if (row === undefined) return NONE;
  const confirmed = Number(row['confirmed']);
  const text = `SELECT NOT EXISTS (SELECT 1 FROM ${VIEWS} AND ${BEHIND} < $2)`;
  return { confirmed, projection: String(row['projection']), provided: [{ text, values: [names, confirmed] }] };
}
