/**
 * How far outboxes are in a store that is synchronised: what was decided again after that has no entry yet.
 *
 * ```text
 * outbox_progress   outbox: its table; seen_id: up to which notification it has looked, negative before it has
 * ```
 *
 * @module
 */
import { hasTable } from './log-followers.js';
import type { SqlQueryable } from './sql-queryable.js';

/** The table. */
export const OUTBOX_PROGRESS_TABLE = 'outbox_progress';

const CREATE = `CREATE TABLE IF NOT EXISTS ${OUTBOX_PROGRESS_TABLE} (
  outbox TEXT PRIMARY KEY NOT NULL,
  seen_id BIGINT NOT NULL
)`;
const NEVER = -1;

/** Creates the table, and says that there is an outbox. */
export async function noteOutbox(sql: SqlQueryable, table: string): Promise<void> {
  await sql.query(CREATE);
  await sql.query(`INSERT INTO ${OUTBOX_PROGRESS_TABLE} VALUES ($1, ${NEVER}) ON CONFLICT DO NOTHING`, [table]);
}

/** Whether it is known that there is one. */
export async function isOutboxNoted(sql: SqlQueryable, table: string): Promise<boolean> {
  if (!(await hasTable(sql, OUTBOX_PROGRESS_TABLE))) return false;
  return (await sql.query(`SELECT 1 FROM ${OUTBOX_PROGRESS_TABLE} WHERE outbox = $1`, [table])).rows.length > 0;
}

/** What an outbox has not looked at, of the units `u` of a store, after an id that SQL gives. */
export function isUnseenSql(seenId: string): string {
  // What was recorded before it looked for the first time is in it, or has gone out, but for what has been decided again.
  return `CASE WHEN ${seenId} < 0 THEN u.unit_id IN (SELECT unit_id FROM daybook_superseded)
    ELSE u.first_id > ${seenId} AND NOT u.flags & 2 END`;
}

/** How far an outbox is, as one row: up to the last notification before what is confirmed, and has no entry in it. */
export function outboxBoundSql(table: string): string {
  const name = table.replaceAll("'", "''");
  return `SELECT 'outbox' AS kind, '${table.replaceAll('"', '')}' AS name, 'id' AS counts, (SELECT min(e.notification_id) - 1 FROM ${OUTBOX_PROGRESS_TABLE} AS p
    CROSS JOIN daybook_units AS u
    CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
    WHERE p.outbox = '${name}' AND u.position IS NOT NULL AND ${isUnseenSql('p.seen_id')}
      AND NOT EXISTS (SELECT 1 FROM ${table} AS o WHERE o.position = e.notification_id)) AS bound`;
}
