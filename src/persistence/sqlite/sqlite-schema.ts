/**
 * The tables of a SQLite store.
 *
 * Not the Python library's SQLite file: ids are 16-byte blobs and notification ids an explicit primary key,
 * because an implicit rowid may be renumbered by `VACUUM`. `AUTOINCREMENT` keeps an id from being given twice.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';

/** Creates a table of events in a total order, if it is missing. */
export function createEventsSql(table: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  originator_id BLOB NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
  UNIQUE (originator_id, originator_version)
);`;
}

/** Creates a table of sequences alone, if it is missing: for an aggregate recorder, whose events have no total order. */
export function createSequencesSql(table: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  originator_id BLOB NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
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
  if (name === '' || name.includes('\0') || !name.isWellFormed() || /^sqlite_/i.test(name)) {
    throw new ProgrammingError(`SQLite has no table named ${JSON.stringify(name)}.`, { details: { table: name } });
  }
  return `"${name.replaceAll('"', '""')}"`;
}
