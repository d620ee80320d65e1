/**
 * The bookkeeping of views in SQL tables.
 *
 * ```text
 * projection_checkpoints    projection, generation → position, the last event, is_live, its definition
 *                           is_live: 1 the live view, 0 the next one; −1 none, only a definition that another one replaced
 * projection_dead_letters   projection, generation, notification → what failed, and why
 * ```
 *
 * @module
 */
import type { Creations } from '../../persistence/sql/sql-names.js';

/** Names the turn of who creates them. */
export const SET_UP_LOCK = 'daybook projections';
/** How far views are. */
export const CREATE_CHECKPOINTS = `CREATE TABLE IF NOT EXISTS projection_checkpoints (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  is_live BIGINT NOT NULL,
  position BIGINT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (projection, generation)
)`;

/** What failed in them. */
export const CREATE_DEAD_LETTERS = `CREATE TABLE IF NOT EXISTS projection_dead_letters (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  notification_id BIGINT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  originator_id TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT NOT NULL,
  stack TEXT NOT NULL,
  retry_count BIGINT NOT NULL,
  first_failed_at_ms BIGINT NOT NULL,
  last_failed_at_ms BIGINT NOT NULL,
  resolved_by TEXT NOT NULL,
  PRIMARY KEY (projection, generation, notification_id)
)`;

/** The bookkeeping of all views in a database, for a `Migrator` and for who prints it. The views are their projections' own. */
export const PROJECTION_TABLES: Creations = {
  schema: undefined,
  lock: SET_UP_LOCK,
  creations: [
    { name: 'projection_checkpoints', sql: CREATE_CHECKPOINTS },
    { name: 'projection_dead_letters', sql: CREATE_DEAD_LETTERS },
  ],
};
