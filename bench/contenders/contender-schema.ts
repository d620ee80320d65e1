/**
 * The tables of the contenders that run SQLite. Leaner than Daybook's: with `AUTOINCREMENT`, which keeps an id from
 * being given twice, they would write one page more for each commit.
 *
 * @module
 */
export const CONTENDER_TABLES_SQL: string = `
CREATE TABLE IF NOT EXISTS stored_events (
  notification_id INTEGER PRIMARY KEY,
  originator_id BLOB NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
  UNIQUE (originator_id, originator_version)
)`;

/** One statement for any number of events; four parameters each. */
export function insertEventsSql(count: number): string {
  const rows = Array.from({ length: count }, () => '(?, ?, ?, ?)').join(', ');
  return `INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES ${rows}`;
}

export const COUNT_EVENTS_SQL = 'SELECT count(*) FROM stored_events';

const COLUMNS = 'notification_id, originator_id, originator_version, topic, state';

/** One parameter: the id of the aggregate. */
export const SELECT_AGGREGATE_SQL: string = `SELECT ${COLUMNS} FROM stored_events WHERE originator_id = ? ORDER BY originator_version`;

/** Two parameters: the first id, and how many events at most. */
export const SELECT_PAGE_SQL: string = `SELECT ${COLUMNS} FROM stored_events WHERE notification_id >= ? ORDER BY notification_id LIMIT ?`;
