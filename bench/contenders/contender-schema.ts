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
