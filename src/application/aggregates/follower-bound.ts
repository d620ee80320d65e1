/**
 * How far those are who follow a store: what they have not taken in may not leave it.
 *
 * ```text
 * projection_progress        views in the store, by the numbers of what is confirmed
 * log_followers              processes, and views elsewhere; tables of checkpoints, which have a row for each subscription
 * outbox_progress            outboxes: what was decided again, and has no entry yet
 * ```
 *
 * A view that has to be made anew, because the order of the log has changed under it, or that was never made in the order of
 * a server's log, has taken in nothing.
 *
 * @module
 */
import { FOLLOWERS_TABLE, hasTable } from '../../persistence/sql/log-followers.js';
import type { HistoryFollower } from '../../persistence/sql/log-followers.js';
import { outboxBoundSql, OUTBOX_PROGRESS_TABLE } from '../../persistence/sql/outbox-progress.js';
import type { SqlQueryable, SqlRow } from '../../persistence/sql/sql-queryable.js';

/** How far all of them are. */
export interface FollowerBound {
  /** The number of the last confirmed event that all have who count so (`unit-order.ts`); `undefined` where there are none. */
  readonly confirmed: number | undefined;
  /** The last notification id that all have who count so. */
  readonly upTo: number | undefined;
  /** Who is farthest behind what is confirmed, if anybody is. */
  readonly heldBackBy: HistoryFollower | undefined;
  /** Statements that are true as long as none of them has less. */
  readonly provided: readonly { readonly text: string; readonly values: readonly unknown[] }[];
}

const ERA = 'coalesce((SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = -7), 0)';
const VIEWS = `SELECT 'projection' AS kind, k.projection AS name, 'number' AS counts,
    CASE WHEN p.era = ${ERA} AND p.position IS NULL THEN p.confirmed ELSE 0 END AS bound
  FROM projection_checkpoints AS k LEFT JOIN projection_progress AS p
  ON p.projection = k.projection AND p.generation = k.generation WHERE k.is_live >= 0`;
// Views that were made before the store heard of a server's log have none.
const VIEWS_BEFORE = `SELECT 'projection' AS kind, projection AS name, 'number' AS counts, 0 AS bound
  FROM projection_checkpoints WHERE is_live >= 0`;
const NOTED = `SELECT f.kind, f.follower AS name, f.counts, max(f.position, coalesce(
    (SELECT max(notification_id) FROM tracking WHERE application_name = f.tracked), 0)) AS bound
  FROM ${FOLLOWERS_TABLE} AS f WHERE NOT f.is_table`;
// Of what is confirmed.
const LAST_SQL = `SELECT (SELECT coalesce(max(id), 0) FROM daybook_confirmed) AS number,
  (SELECT coalesce(max(first_id + events - 1), 0) FROM daybook_units WHERE position IS NOT NULL) AS id,
  EXISTS (SELECT 1 FROM daybook_units WHERE flags > 3) OR EXISTS (SELECT 1 FROM daybook_marks WHERE position = -2) AS busy`;

/** Whether a server is given back what it has lost, or its log is followed anew: then nothing leaves. */
const SYNC: HistoryFollower = { kind: 'sync', name: 'sync' };

/** @param abandoned - those who do not count */
export async function readFollowerBound(
  sql: SqlQueryable,
  abandoned: readonly HistoryFollower[],
): Promise<FollowerBound> {
  const [last = {}] = (await sql.query(LAST_SQL)).rows;
  const all = await boundsSql(sql);
  const held = last['busy'] === 1 ? SYNC : undefined;
  if (all === undefined) return { confirmed: undefined, upTo: undefined, heldBackBy: held, provided: [] };
  const names = JSON.stringify(abandoned.map(({ kind, name }) => ({ kind, name })));
  const counting = `FROM (${all}) AS b WHERE b.bound IS NOT NULL AND NOT EXISTS (SELECT 1 FROM json_each($1) AS a
    WHERE json_extract(a.value, '$.kind') = b.kind AND json_extract(a.value, '$.name') = b.name)`;
  const { rows } = await sql.query(`SELECT b.kind, b.name, b.counts, b.bound ${counting}`, [names]);
  const lowest = (counts: string): number | undefined => {
    let least: number | undefined;
    for (const row of rows) {
      if (row['counts'] === counts) least = Math.min(least ?? Infinity, Number(row['bound']));
    }
    return least;
  };
  const [confirmed, upTo] = [lowest('number'), lowest('id')];
  const text = `SELECT NOT EXISTS (SELECT 1 ${counting} AND b.bound < CASE b.counts WHEN 'number' THEN $2 ELSE $3 END)`;
  const values = [names, confirmed ?? 0, upTo ?? 0];
  return { confirmed, upTo, heldBackBy: held ?? farthestBehind(rows, last), provided: [{ text, values }] };
}

/** A statement that gives all of them; `undefined` where there are none. */
async function boundsSql(sql: SqlQueryable): Promise<string | undefined> {
  const parts: string[] = [];
  if (await hasTable(sql, 'projection_checkpoints')) {
    parts.push((await hasTable(sql, 'projection_progress')) ? VIEWS : VIEWS_BEFORE);
  }
  if (await hasTable(sql, FOLLOWERS_TABLE)) {
    parts.push(NOTED);
    for (const table of await existing(sql, `SELECT follower AS name FROM ${FOLLOWERS_TABLE} WHERE is_table`)) {
      parts.push(
        `SELECT 'subscription' AS kind, subscription_id AS name, 'id' AS counts, position AS bound FROM ${table}`,
      );
    }
  }
  if (await hasTable(sql, OUTBOX_PROGRESS_TABLE)) {
    for (const table of await existing(sql, `SELECT outbox AS name FROM ${OUTBOX_PROGRESS_TABLE}`)) {
      parts.push(outboxBoundSql(table));
    }
  }
  return parts.length === 0 ? undefined : parts.join(' UNION ALL ');
}

/** Tables that are named, and there: one that was dropped holds nothing back. */
async function existing(sql: SqlQueryable, namesSql: string): Promise<readonly string[]> {
  const names = (await sql.query(namesSql)).rows.map(({ name }) => String(name));
  const there: string[] = [];
  for (const name of names) if (await hasTable(sql, name.replaceAll('"', ''))) there.push(name);
  return there;
}

/** By how many events; where nobody is behind, nobody holds anything back. */
function farthestBehind(rows: readonly SqlRow[], last: SqlRow): HistoryFollower | undefined {
  let [most, farthest]: [number, HistoryFollower | undefined] = [0, undefined];
  for (const row of rows) {
    const behind = Number(last[String(row['counts'])]) - Number(row['bound']);
    if (behind <= most) continue;
    most = behind;
    farthest = { kind: row['kind'] as HistoryFollower['kind'], name: String(row['name']) };
  }
  return farthest;
}
