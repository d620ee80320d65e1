import type { PostgresPool } from '../../src/persistence/postgres/index.js';
import type { PostgresTableOptions } from '../../src/persistence/postgres/index.js';

/**
 * Creates tables as the Python library's SQLAlchemy module makes them, with the column of names made wide enough.
 *
 * @returns the options of a recorder on them
 */
export async function createSqlAlchemyTables(pool: PostgresPool, prefix: string): Promise<PostgresTableOptions> {
  await pool.query(`
    CREATE TABLE ${prefix}_events (
      id bigserial NOT NULL PRIMARY KEY,
      originator_id uuid NOT NULL,
      originator_version bigint NOT NULL,
      topic text NOT NULL,
      state bytea NOT NULL
    );
    CREATE UNIQUE INDEX ${prefix}_aggregate_event_index ON ${prefix}_events (originator_id, originator_version);
    CREATE TABLE ${prefix}_tracking (
      application_name varchar(32) NOT NULL PRIMARY KEY,
      notification_id bigint
    );
    ALTER TABLE ${prefix}_tracking ALTER COLUMN application_name TYPE text`);
  return {
    eventsTable: `${prefix}_events`,
    trackingTable: `${prefix}_tracking`,
    columns: { notificationId: 'id' },
  };
}
