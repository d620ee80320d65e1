/**
 * The tables of a log in D1.
 *
 * ```text
 * stored_events  notification_id · originator_id: text · originator_version · topic · state: see below
 * tracking       application_name · notification_id
 * ```
 *
 * A state is a text where its bytes are one (UTF-8 without zeros), and else a blob. D1 moves values as JSON: a blob is a list of
 * numbers there, of which each byte takes almost four, and a text is itself. For the same reason ids are texts.
 *
 * `AUTOINCREMENT` keeps an id from being given twice. D1 runs one batch after the other, so ids are in the order of commits, and
 * a batch that is refused leaves no gap.
 *
 * @module
 */
import type { Creations } from '../sql/sql-names.js';
import { EVENT_TABLES_TURN } from '../sql/sql-names.js';
import { createTrackingSql, quoted } from '../sqlite/sqlite-schema.js';

/** Names of the tables. */
export interface D1TableOptions {
  /** @defaultValue `stored_events` */
  readonly eventsTable?: string;
  /** @defaultValue `tracking` */
  readonly trackingTable?: string;
}

/** What tells the tables from others of the same names: columns with their types and places in the primary key. */
export const OWN_COLUMNS = {
  events: ['notification_id INTEGER 1', 'originator_id TEXT 0', 'state BLOB 0'],
  tracking: ['application_name TEXT 1', 'notification_id INTEGER 0'],
} as const;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
export function d1Creations({ eventsTable, trackingTable }: Required<D1TableOptions>): Creations {
  const createEvents = `CREATE TABLE IF NOT EXISTS ${quoted(eventsTable)} (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  originator_id TEXT NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
  UNIQUE (originator_id, originator_version)
);`;
  return {
    schema: undefined,
    lock: EVENT_TABLES_TURN,
    creations: [
      { name: eventsTable, sql: createEvents },
      { name: trackingTable, sql: createTrackingSql(trackingTable).trim() },
    ],
  };
}
