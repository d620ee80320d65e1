/**
 * Who follows the log of a store that history may leave, beside the views that it has: what they have not taken in stays.
 *
 * ```text
 * log_followers   kind, follower → counts: 'id', as notification ids are counted, or 'number', as what is confirmed is
 *                   (`unit-order.ts`); position: all up to there is done
 *                   tracked: a tracking record in this store that says it instead
 *                   is_table: the follower is a table that has the positions of subscriptions
 * ```
 *
 * Written by each follower when it begins, in a store that can be synchronised, so that who lets history leave need not
 * know them. A follower whose positions are elsewhere notes here from time to time how far it is.
 *
 * @module
 */
import type { SqlQueryable } from './sql-queryable.js';
import type { SqlRecorder } from './sql-recorder.js';

/** The table. */
export const FOLLOWERS_TABLE = 'log_followers';

/** Who holds history back. */
export interface HistoryFollower {
  /**
   * `projection`: its view, in this store or elsewhere; `process`; `outbox`; `subscription`, whose position `SqlCheckpoints`
   * keep; `sync`: the synchronisation itself, while it gives back to a server what that has lost, or follows its log anew.
   */
  readonly kind: 'projection' | 'process' | 'outbox' | 'subscription' | 'sync';
  /** Of the projection or the subscription; of the outbox its table; of a process what its progress is recorded under. */
  readonly name: string;
}

/** How far one is, or where that is written. */
export interface FollowerNote {
  readonly kind: HistoryFollower['kind'];
  readonly follower: string;
  readonly counts: 'id' | 'number';
  /** @defaultValue 0 */
  readonly position?: number;
  /** Of a tracking record, which says how far it is. */
  readonly tracked?: string | undefined;
  /** A table that does. */
  readonly isTable?: boolean;
}

const CREATE = `CREATE TABLE IF NOT EXISTS ${FOLLOWERS_TABLE} (
  kind TEXT NOT NULL,
  follower TEXT NOT NULL,
  counts TEXT NOT NULL,
  position BIGINT NOT NULL,
  tracked TEXT,
  is_table BIGINT NOT NULL,
  PRIMARY KEY (kind, follower)
)`;

/** Writes down that somebody follows the store, and how far it is; nothing, where that is known. */
export async function noteFollower(recorder: SqlRecorder, note: FollowerNote): Promise<void> {
  const { kind, follower, counts, position = 0, tracked = null, isTable = false } = note;
  const values = [kind, follower, counts, position, tracked, isTable ? 1 : 0];
  if (await isNoted(recorder, values)) return;
  await recorder.transaction(async ({ connection }) => {
    await connection.query(CREATE);
    await connection.query(
      `INSERT INTO ${FOLLOWERS_TABLE} VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, follower) DO UPDATE
        SET counts = excluded.counts, position = excluded.position, tracked = excluded.tracked, is_table = excluded.is_table`,
      values,
    );
  });
}

async function isNoted(sql: SqlQueryable, values: unknown[]): Promise<boolean> {
  if (!(await hasTable(sql, FOLLOWERS_TABLE))) return false;
  const { rows } = await sql.query(
    `SELECT 1 FROM ${FOLLOWERS_TABLE} WHERE kind = $1 AND follower = $2 AND counts = $3 AND position >= $4
      AND tracked IS $5 AND is_table = $6`,
    values,
  );
  return rows.length > 0;
}

/** Events after which a follower writes down how far it is, where nothing else does. */
export const NOTED_EVENTS = 1_000;

/** Whether a store has a table. */
export async function hasTable(sql: SqlQueryable, name: string): Promise<boolean> {
  return (await sql.query('SELECT 1 FROM sqlite_schema WHERE name = $1', [name])).rows.length > 0;
}
