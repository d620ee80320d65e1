/**
 * Whether a synchronisation server's log stands on the events of a recorder.
 *
 * Of the log's tables the first names it among all that is kept beside events (`log-owner.ts`), and a head is beside it.
 *
 * @module
 */
import { logName, OWNERS_TABLE } from './log-owner.js';
import type { SqlRecorder } from './sql-recorder.js';

const UNITS = '_units';
const HEAD = '_head';

// In every schema: a log may have its tables in another one than the events.
const OWNERS_SQL = `SELECT quote_ident(space.nspname) AS space FROM pg_class relation
  JOIN pg_namespace space ON space.oid = relation.relnamespace
  WHERE relation.relname = '${OWNERS_TABLE}' AND has_table_privilege(relation.oid, 'SELECT')`;

/** Whether there is one; not, where the database can have none. */
export async function hasUnitLog(recorder: SqlRecorder): Promise<boolean> {
  const name = await logName(recorder);
  if (name === undefined) return false;
  for (const { space } of (await recorder.query(OWNERS_SQL)).rows) {
    const { rows } = await recorder.query(
      `SELECT kept FROM ${String(space)}.${OWNERS_TABLE}
       WHERE log = $1 AND right(kept, ${UNITS.length}) = '${UNITS}'
         AND to_regclass($2::text || quote_ident(left(kept, -${UNITS.length}) || '${HEAD}')) IS NOT NULL`,
      [name, `${String(space)}.`],
    );
    if (rows.length > 0) return true;
  }
  return false;
}
