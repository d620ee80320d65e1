/**
 * The tables of a SQLite store.
 *
 * Not the Python library's SQLite file: ids are 16-byte blobs and notification ids an explicit primary key,
 * because an implicit rowid may be renumbered by `VACUUM`. `AUTOINCREMENT` keeps an id from being given twice.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';

// Of every table that has events.
const EVENT_COLUMNS = `originator_id BLOB NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL`;

/** Creates a table of events in a total order, if it is missing. */
export function createEventsSql(table: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  ${EVENT_COLUMNS},
  UNIQUE (originator_id, originator_version)
);`;
}

/** Creates a table of sequences alone, if it is missing: for an aggregate recorder, whose events have no total order. */
export function createSequencesSql(table: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  ${EVENT_COLUMNS},
  PRIMARY KEY (originator_id, originator_version)
) WITHOUT ROWID;`;
}

/** Creates the table of tracking records, if it is missing: one row for each application, which moves forward. */
export function createTrackingSql(table: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  application_name TEXT NOT NULL PRIMARY KEY,
  notification_id INTEGER NOT NULL
) WITHOUT ROWID;`;
}

/**
 * A name as SQL takes it, whatever it is.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is empty, or could not be a name at all
 */
export function quoted(name: string): string {
  if (
    typeof name !== 'string' ||
    name === '' ||
    name.includes('\0') ||
    !name.isWellFormed() ||
    /^sqlite_/i.test(name)
  ) {
    throw new ProgrammingError(`SQLite has no table named ${JSON.stringify(name)}.`, { details: { table: name } });
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The tables of units beside `stored_events`: readable by anybody's SQL, written by the journal only.
 *
 * `flags`: 1 commutative, 2 recorded by others, 4 lost; of what was set aside, 8 refused by a server. `position` is NULL where a unit is pending, and is followed by
 * what the server says of it. `daybook_marks` has where the store stood, the largest position being where it stands; and
 * at position -1 how often it went back; at -2, while it follows the log anew, where it is on its way (and an index finds units by their positions), and at -3, when that
 * was done, after which of the units that were set aside it is still to be looked whether they may be pending again. Ids of
 * units that were set aside are not given again: `AUTOINCREMENT` of the events sees to that.
 */
export const CREATE_UNITS_SQL: string = `
CREATE TABLE daybook_units (
  first_id INTEGER PRIMARY KEY,
  events INTEGER NOT NULL,
  unit_id BLOB NOT NULL UNIQUE,
  flags INTEGER NOT NULL,
  scopes TEXT,
  edition BLOB,
  position INTEGER,
  total INTEGER,
  author TEXT,
  recorded_at_ms INTEGER,
  seal BLOB
);
CREATE INDEX daybook_units_pending ON daybook_units (first_id, events) WHERE position IS NULL;
CREATE INDEX daybook_units_lost ON daybook_units (position) WHERE flags > 3;
CREATE TABLE daybook_marks (position INTEGER PRIMARY KEY, cursor TEXT NOT NULL);
CREATE TABLE daybook_set_aside (
  first_id INTEGER PRIMARY KEY,
  events INTEGER NOT NULL,
  unit_id BLOB NOT NULL UNIQUE,
  flags INTEGER NOT NULL,
  scopes TEXT,
  edition BLOB,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  set_aside_at_ms INTEGER NOT NULL
);
CREATE TABLE daybook_set_aside_events (
  notification_id INTEGER PRIMARY KEY,
  ${EVENT_COLUMNS}
);`;

/**
 * How much is pending, whoever changes it: each commit shows it in every tab, and to count took as long as there is much.
 */
export const CREATE_PENDING_SQL: string = `
CREATE TABLE daybook_pending (units INTEGER NOT NULL, events INTEGER NOT NULL);
INSERT INTO daybook_pending SELECT count(*), ifnull(sum(events), 0) FROM daybook_units WHERE position IS NULL;
${[
  ['added', 'INSERT', 'new', '+'],
  ['gone', 'DELETE', 'old', '-'],
]
  .map(
    ([
      name,
      event,
      row,
      sign,
    ]) => `CREATE TRIGGER daybook_pending_${name} AFTER ${event} ON daybook_units WHEN ${row}.position IS NULL
BEGIN UPDATE daybook_pending SET units = units ${sign} 1, events = events ${sign} ${row}.events; END;`,
  )
  .join('\n')}
CREATE TRIGGER daybook_pending_changed AFTER UPDATE OF position, events ON daybook_units
BEGIN UPDATE daybook_pending SET units = units + (new.position IS NULL) - (old.position IS NULL),
  events = events + (new.position IS NULL) * new.events - (old.position IS NULL) * old.events; END;`;

/**
 * What decided units, for those that may be decided again; and the forms that were replaced by it, which nobody needs but
 * people. `command` is empty for a unit that was decided without one; `position` is where a page has confirmed the unit. And
 * what units stood on that were set aside, as JSON: those that left because they could not be seen come back there. And that
 * own units were here which are not any more: with the position where a page had confirmed them, and without where somebody
 * has given them up.
 */
export const CREATE_DECISIONS_SQL: string = `
CREATE TABLE IF NOT EXISTS daybook_commands (
  unit_id BLOB PRIMARY KEY,
  command BLOB NOT NULL,
  attempts INTEGER NOT NULL,
  position INTEGER
);
CREATE INDEX IF NOT EXISTS daybook_commands_confirmed ON daybook_commands (position) WHERE position IS NOT NULL;
CREATE TABLE IF NOT EXISTS daybook_superseded (
  first_id INTEGER PRIMARY KEY,
  events INTEGER NOT NULL,
  unit_id BLOB NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  superseded_at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS daybook_superseded_units ON daybook_superseded (unit_id);
CREATE TABLE IF NOT EXISTS daybook_aside_places (unit_id BLOB PRIMARY KEY, after TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS daybook_left (
  first_id INTEGER PRIMARY KEY,
  events INTEGER NOT NULL,
  unit_id BLOB NOT NULL,
  position INTEGER,
  left_at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS daybook_left_units ON daybook_left (unit_id);
CREATE INDEX IF NOT EXISTS daybook_left_times ON daybook_left (left_at_ms);
CREATE TABLE IF NOT EXISTS daybook_bases (
  originator_id BLOB PRIMARY KEY,
  version INTEGER NOT NULL,
  edition BLOB NOT NULL,
  digest BLOB NOT NULL,
  position INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  state_version INTEGER NOT NULL,
  state BLOB,
  taken_at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS daybook_bases_position ON daybook_bases (position);
CREATE TABLE IF NOT EXISTS daybook_superseded_events (
  notification_id INTEGER PRIMARY KEY,
  ${EVENT_COLUMNS}
);`;
