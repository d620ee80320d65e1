/**
 * The tables and statements of `contender-schema.ts` in PostgreSQL's types.
 *
 * @module
 */
export const TABLES_SQL: string = `
CREATE TABLE IF NOT EXISTS stored_events (
  notification_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  originator_id UUID NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BYTEA NOT NULL,
  UNIQUE (originator_id, originator_version)
)`;

/** Any number of events; an array for each column. */
export const INSERT_EVENTS_SQL: string = `
INSERT INTO stored_events (originator_id, originator_version, topic, state)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bytea[])`;

export const COUNT_EVENTS_SQL = 'SELECT count(*) AS count FROM stored_events';

const COLUMNS = 'notification_id, originator_id, originator_version, topic, state';

/** One parameter: the id of the aggregate. */
export const SELECT_AGGREGATE_SQL: string = `SELECT ${COLUMNS} FROM stored_events WHERE originator_id = $1 ORDER BY originator_version`;

/** Two parameters: the first id, and how many events at most. */
export const SELECT_PAGE_SQL: string = `SELECT ${COLUMNS} FROM stored_events WHERE notification_id >= $1 ORDER BY notification_id LIMIT $2`;
