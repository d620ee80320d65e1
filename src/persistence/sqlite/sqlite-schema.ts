/**
 * The tables of a SQLite store.
 *
 * Not the Python library's SQLite file: ids are 16-byte blobs and notification ids an explicit primary key,
 * because an implicit rowid may be renumbered by `VACUUM`. `AUTOINCREMENT` keeps an id from being given twice.
 *
 * @module
 */

/** Creates what is missing; safe to run on every open. */
export const CREATE_TABLES_SQL = `
CREATE TABLE IF NOT EXISTS stored_events (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  originator_id BLOB NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
  UNIQUE (originator_id, originator_version)
);
CREATE TABLE IF NOT EXISTS tracking (
  application_name TEXT NOT NULL PRIMARY KEY,
  notification_id INTEGER NOT NULL
) WITHOUT ROWID;
`;
