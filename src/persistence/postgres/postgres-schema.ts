/**
 * The tables in PostgreSQL: the Python library's layout of 9.2 and 9.3, so that each side reads what the other wrote.
 *
 * ```text
 * <name>_events    originator_id uuid · originator_version bigint · topic text · state bytea · notification_id bigserial
 *                  primary key (originator_id, originator_version), unique index on notification_id
 * <name>_tracking  application_name text · notification_id bigint, both the primary key: a row for each step
 * ```
 *
 * Only the storage options differ from 9.2's `autovacuum_enabled=false`, and follow later releases of the library:
 * without any autovacuum the planner has no statistics, while with the defaults a vacuum, which does not go together
 * with the writers' table lock, would come again and again to a table that nothing is deleted from.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';

// PostgreSQL cuts longer identifiers off without an error (NAMEDATALEN - 1).
const IDENTIFIER_BYTES_MAX = 63;
const INDEX_SUFFIX = '_notification_id_idx';
const STORAGE_OPTIONS = [
  'autovacuum_enabled = true',
  'autovacuum_vacuum_threshold = 100000000',
  'autovacuum_vacuum_scale_factor = 0.5',
  'autovacuum_analyze_threshold = 1000',
  'autovacuum_analyze_scale_factor = 0.01',
].join(', ');
const textEncoder = new TextEncoder();

/** Which tables a recorder uses. */
export interface PostgresTableOptions {
  /** Lower-cased and put before `_events` and `_tracking`. @defaultValue `stored` and `notification`, as the Python library */
  readonly applicationName?: string;
  /** The schema of the tables; it must exist. @defaultValue the first one of the connection's `search_path` */
  readonly schema?: string;
}

/** The tables of one application, as they are written in SQL. */
export interface PostgresTables {
  /** Quoted, with the schema if there is one. */
  readonly events: string;
  /** Quoted, with the schema if there is one. */
  readonly tracking: string;
  /** Quoted: the events table's name without its schema, on which readers listen. */
  readonly channel: string;
  /** Creates what is missing. Several statements, to be run in one transaction. */
  readonly createSql: string;
}

/**
 * Names an application's tables.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is empty, has a zero byte or is longer than 63 bytes
 */
export function postgresTables(options: PostgresTableOptions = {}): PostgresTables {
  const name = options.applicationName?.toLowerCase() ?? '';
  const eventsName = `${name || 'stored'}_events`;
  const prefix = options.schema === undefined ? '' : `${quote(options.schema)}.`;
  const events = prefix + quote(eventsName);
  const tracking = prefix + quote(`${name || 'notification'}_tracking`);
  return {
    events,
    tracking,
    channel: quote(eventsName),
    createSql: createSql(events, tracking, indexName(eventsName)),
  };
}

function createSql(events: string, tracking: string, index: string): string {
  // Two sessions that create the same table at once would collide in the catalogue in spite of IF NOT EXISTS.
  return `
SELECT pg_advisory_xact_lock(hashtextextended('daybook:create-table', 0));
CREATE TABLE IF NOT EXISTS ${events} (
  originator_id uuid NOT NULL,
  originator_version bigint NOT NULL,
  topic text,
  state bytea,
  notification_id bigserial,
  PRIMARY KEY (originator_id, originator_version)
) WITH (${STORAGE_OPTIONS});
CREATE UNIQUE INDEX IF NOT EXISTS ${quote(index)} ON ${events} (notification_id ASC);
CREATE TABLE IF NOT EXISTS ${tracking} (
  application_name text,
  notification_id bigint,
  PRIMARY KEY (application_name, notification_id)
);`;
}

/** The Python library's name; for a long table it is shortened before the ending, where PostgreSQL would cut the ending off. */
function indexName(table: string): string {
  let stem = table;
  while (textEncoder.encode(stem + INDEX_SUFFIX).length > IDENTIFIER_BYTES_MAX) stem = stem.slice(0, -1);
  return stem + INDEX_SUFFIX;
}

function quote(identifier: string): string {
  const bytes = textEncoder.encode(identifier).length;
  if (bytes === 0 || bytes > IDENTIFIER_BYTES_MAX || identifier.includes('\0')) {
    throw new ProgrammingError(
      `${JSON.stringify(identifier.slice(0, 80))} cannot name a table or schema: 1 to ${IDENTIFIER_BYTES_MAX} bytes without a zero byte are needed, and it has ${bytes}.`,
      { details: { identifier: identifier.slice(0, 80), bytes, bytesMax: IDENTIFIER_BYTES_MAX } },
    );
  }
  return `"${identifier.replaceAll('"', '""')}"`;
}
