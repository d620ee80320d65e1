/**
 * A table of snapshots, as SQL.
 *
 * ```text
 * originator_id       text, primary key
 * originator_version  integer
 * event_id            text
 * aggregate_type      text
 * state_version       integer
 * state               bytes
 * taken_at_ms         integer
 * ```
 *
 * @module
 */
import type { StoredSnapshot } from '../snapshot-store.js';
import { columnTypes } from './sql-dialect.js';
import type { SqlDialect } from './sql-dialect.js';

/** In the order of the parameters of {@link upsertSnapshotSql}. */
export const SNAPSHOT_COLUMNS =
  'originator_id, originator_version, event_id, aggregate_type, state_version, state, taken_at_ms';

type Row = Readonly<Record<string, unknown>>;

/** Creates the table if it is missing. */
export function createSnapshotsSql(table: string, dialect: SqlDialect): string {
  const { integer, bytes } = columnTypes(dialect);
  return `CREATE TABLE IF NOT EXISTS ${table} (
    originator_id TEXT NOT NULL PRIMARY KEY,
    originator_version ${integer} NOT NULL,
    event_id TEXT NOT NULL,
    aggregate_type TEXT NOT NULL,
    state_version ${integer} NOT NULL,
    state ${bytes} NOT NULL,
    taken_at_ms ${integer} NOT NULL
  )`;
}

/** Newer as `isNewerSnapshot` has it, in one statement: savers that run at once need no lock of their own. */
export function upsertSnapshotSql(table: string): string {
  return `INSERT INTO ${table} AS present (${SNAPSHOT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (originator_id) DO UPDATE SET
      originator_version = excluded.originator_version,
      event_id = excluded.event_id,
      aggregate_type = excluded.aggregate_type,
      state_version = excluded.state_version,
      state = excluded.state,
      taken_at_ms = excluded.taken_at_ms
    WHERE present.originator_version < excluded.originator_version
      OR (present.originator_version = excluded.originator_version
        AND present.state_version < excluded.state_version)
    RETURNING originator_version`;
}

/** Libraries give large integers as numbers, texts or bigints, and bytes as arrays of classes of their own. */
export function toSnapshot(row: Row): StoredSnapshot {
  const { originator_id, originator_version, event_id, aggregate_type, state_version, state, taken_at_ms } = row;
  return {
    originatorId: String(originator_id),
    originatorVersion: Number(originator_version),
    eventId: String(event_id),
    aggregateType: String(aggregate_type),
    stateVersion: Number(state_version),
    state: new Uint8Array(state as Uint8Array),
    takenAtMs: Number(taken_at_ms),
  };
}
