/**
 * A table like that of the events, and plain inserts into it: what PostgreSQL does by itself.
 *
 * @module
 */
import type { PgPool } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';

/** With the columns and indexes of the table of the events, and a sequence of its own. */
export async function createPlainTable(pool: PgPool, eventsTable: string): Promise<void> {
  await pool.query(`CREATE TABLE plain (LIKE ${eventsTable} INCLUDING ALL); CREATE SEQUENCE plain_ids;
    ALTER TABLE plain ALTER notification_id SET DEFAULT nextval('plain_ids')`);
}

/** Inserts events by one statement. */
export async function insertPlainly(pool: PgPool, events: readonly StoredEvent[]): Promise<void> {
  await pool.query(
    `INSERT INTO plain (originator_id, originator_version, topic, state)
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[])`,
    [
      events.map(({ originatorId }) => originatorId),
      events.map(({ originatorVersion }) => originatorVersion),
      events.map(({ topic }) => topic),
      events.map(({ state }) => Buffer.from(state)),
    ],
  );
}
