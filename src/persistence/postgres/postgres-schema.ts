/**
 * The tables in PostgreSQL: the Python library's layout of 9.2 and 9.3, so that each side reads what the other wrote.
 *
 * ```text
 * <name>_events    originator_id uuid · originator_version bigint · topic text · state bytea · notification_id bigserial
 *                  primary key (originator_id, originator_version), unique index on notification_id
 * <name>_snapshots the first four columns, with the same primary key
 * <name>_tracking  application_name text · notification_id bigint, both the primary key: a row for each step;
 *                  or, as later releases make it, application_name alone: one row, which moves forward
 * ```
 *
 * 10 (seen as 10.0.0a7) has event_id uuid · metadata jsonb before notification_id, and context_name for application_name.
 * Tables that exist are used in either layout: columns are named in all statements.
 *
 * 9.5 and later insert through a composite type, stored_event_uuid or stored_event_text, which is made with the table: who
 * may only use the tables cannot make it.
 *
 * Only the storage options differ from 9.2's `autovacuum_enabled=false`, and follow later releases of the library:
 * without any autovacuum the planner has no statistics, while with the defaults a vacuum, which does not go together
 * with the writers' table lock, would come again and again to a table that nothing is deleted from.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import { toHex } from '../sha256.js';
import type { SqlArchive } from '../sql/sql-dialect.js';
import type { SqlTenants } from '../sql/sql-tenants.js';
import type { StoredEvent } from '../stored-event.js';
import type { OriginatorIdType } from '../validation.js';
import { sha256Now } from '../../util/sha256-now.js';
import { postgresArchive } from './postgres-archive.js';
import { quoteIdentifier, withEnding } from './postgres-identifiers.js';
import { textLiteral } from './postgres-literals.js';
import { sharedTables } from './postgres-shared-schema.js';
import { EVENT_TABLES_TURN } from '../sql/sql-names.js';
import { tenantSql } from './postgres-tenants.js';
import type { PostgresSharing } from './postgres-tenants.js';
import { NAME_LENGTH_MAX, validateApplicationName, validateText } from '../validation.js';

const INDEX_ENDING = '_notification_id_idx';
const STORAGE_OPTIONS = [
  'autovacuum_enabled = true',
  'autovacuum_vacuum_threshold = 100000000',
  'autovacuum_vacuum_scale_factor = 0.5',
  'autovacuum_analyze_threshold = 1000',
  'autovacuum_analyze_scale_factor = 0.01',
].join(', ');
/** Two sessions that create the same table at once would collide in the catalogue in spite of IF NOT EXISTS. */
export const CREATE_LOCK_SQL: string = `SELECT pg_advisory_xact_lock(hashtextextended('${EVENT_TABLES_TURN}', 0))`;
const DEFAULT_COLUMNS = {
  originatorId: 'originator_id',
  originatorVersion: 'originator_version',
  topic: 'topic',
  state: 'state',
  notificationId: 'notification_id',
} as const;
const EVENT_COLUMNS: Readonly<Record<PythonLayout, string>> = {
  '9': '',
  '10': 'event_id uuid,\n  metadata jsonb,\n  ',
};
const NAME_COLUMNS: Readonly<Record<PythonLayout, string>> = { '9': 'application_name', '10': 'context_name' };
const CHANNEL_BYTES = 16;
const EVENTS = 'events';
const SNAPSHOTS = 'snapshots';

/** What the columns of an events table are called. */
export type PostgresEventColumns = Readonly<Record<keyof typeof DEFAULT_COLUMNS, string>>;

/** Release lines of the Python library that differ in their tables. */
export type PythonLayout = '9' | '10';

/** What tables in the layout of 10 have of an event in columns of their own. */
export interface PythonEventColumns {
  /** A UUID. @defaultValue NULL */
  readonly eventId?: string;
  /** @defaultValue NULL */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Which tables a recorder uses. */
export interface PostgresTableOptions {
  /** Lower-cased and put before `_events` and `_tracking`. @defaultValue `stored` and `notification`, as the Python library */
  readonly applicationName?: string;
  /** The schema of the tables; it must exist. @defaultValue the first one of the connection's `search_path` */
  readonly schema?: string;
  /** The events table's name as it is, instead of one that is made of the application's. */
  readonly eventsTable?: string;
  /** The tracking table's name as it is, instead of one that is made of the application's. */
  readonly trackingTable?: string;
  /**
   * What columns of the events table are called, where that differs.
   *
   * @example `{ notificationId: 'id' }` for a table that `eventsourcing_sqlalchemy` made
   */
  readonly columns?: Partial<PostgresEventColumns>;
  /**
   * What identifies aggregates: `uuid`, or `text` for any texts of up to 500 characters.
   *
   * @defaultValue `uuid`
   */
  readonly originatorIdType?: OriginatorIdType;
  /**
   * The layout of tables that are created: of the Python library 9, or of 10, whose tracking tables have one row for each
   * application. Tables that exist are used as they are.
   *
   * @defaultValue `9`
   */
  readonly layout?: PythonLayout;
  /**
   * What is written of an event into the columns `event_id` and `metadata`, which tables in the layout of 10 have. Its state
   * stays as it is.
   *
   * @defaultValue the columns are left NULL, or are not there: 10 reads an event without id and metadata
   */
  readonly eventColumns?: (event: StoredEvent) => PythonEventColumns;
  /**
   * Whether a tracking table has one row for each application instead of one for each step. Tables that exist are
   * looked at; this decides about one that is created.
   *
   * @defaultValue false: a row for each step, which all releases of the Python library understand
   */
  readonly singleRowTracking?: boolean;
  /**
   * Whether the tables are shared by many tenants, and whose events are recorded and read: by row-level security, each
   * transaction sees and writes those of its tenant only. Such tables are not the Python library's: `layout`,
   * `eventColumns` and `singleRowTracking` are not to be had with it.
   *
   * @defaultValue the tables have one log, and are the Python library's
   */
  readonly shared?: PostgresSharing;
}

/** What tables are called, without quotes. */
export interface PostgresTableNames {
  readonly schema: string | undefined;
  readonly events: string;
  /** Where there is one. */
  readonly tracking?: string;
}

/** The tables of one application, as they are written in SQL. */
export interface PostgresTables {
  readonly names: PostgresTableNames;
  /** Quoted, with the schema if there is one. */
  readonly events: string;
  /** Quoted, with the schema if there is one. */
  readonly tracking: string;
  /** Quoted: the events table's name without its schema, on which readers listen. */
  readonly channel: string;
  /** Of the events table, quoted. */
  readonly columns: PostgresEventColumns;
  readonly originatorIdType: OriginatorIdType;
  readonly eventColumns?: ((event: StoredEvent) => PythonEventColumns) | undefined;
  /** How they are shared with other tenants. @defaultValue they are not */
  readonly tenants?: SqlTenants | undefined;
  /** What says which events have left for archives. @defaultValue none do */
  readonly archive?: SqlArchive | undefined;
  /**
   * Statements by which who writes events takes its turn, without a semicolon at the end.
   *
   * @defaultValue the table of the events is locked
   */
  readonly turnSql?: string | undefined;
  /** Creates the events table, if it is missing. Several statements, to be run in one transaction. */
  readonly createEventsSql: string;
  /** Creates the tracking table, if it is missing. Several statements, to be run in one transaction. */
  readonly createTrackingSql: string;
}

/**
 * Names an application's tables.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is empty, has a zero byte or is longer than 63 bytes
 */
export function postgresTables(options: PostgresTableOptions = {}): PostgresTables {
  const name = prefixOf(options.applicationName);
  const { eventsTable = sequenceName(name, EVENTS), trackingTable = `${name || 'notification'}_tracking` } = options;
  const columns = quotedColumns(options.columns);
  const originatorIdType = checkedIdType(options.originatorIdType);
  const layout = checkedLayout(options.layout);
  const { singleRowTracking = layout === '10' } = options;
  // The text 'false' of an environment variable would be taken for yes.
  if (typeof singleRowTracking !== 'boolean') throw new ProgrammingError('singleRowTracking must be true or false.');
  const events = qualified(options.schema, eventsTable);
  const tracking = qualified(options.schema, trackingTable);
  const tables: PostgresTables = {
    names: { schema: options.schema, events: eventsTable, tracking: trackingTable },
    events,
    tracking,
    channel: quoteIdentifier(eventsTable),
    columns,
    originatorIdType,
    eventColumns: options.eventColumns,
    createEventsSql: `${CREATE_LOCK_SQL};
${createTypeSql(options.schema, originatorIdType, layout)};
${createSequenceSql(events, columns, originatorIdType, `${EVENT_COLUMNS[layout]}${columns.notificationId} bigserial,`)};
CREATE UNIQUE INDEX IF NOT EXISTS ${quoteIdentifier(withEnding(eventsTable, INDEX_ENDING))}
  ON ${events} (${columns.notificationId} ASC)`,
    createTrackingSql: `${CREATE_LOCK_SQL};
${createTrackingSql(tracking, NAME_COLUMNS[layout], singleRowTracking)}`,
  };
  if (options.shared === undefined) {
    const { schema } = options;
    return { ...tables, archive: postgresArchive({ eventsTable, schema, events, columns }) };
  }
  refusePythonOptions(options);
  const { tenants } = tenantSql(options.shared);
  const more = { lockSql: CREATE_LOCK_SQL, storageOptions: STORAGE_OPTIONS };
  return {
    ...tables,
    ...sharedTables(tenants, { schema: options.schema, eventsTable, trackingTable }, { ...tables, ...more }),
    // Those who listen to one tenant are not woken by all the others.
    channel: quoteIdentifier(channelOf(`${events} ${options.shared.tenant}`)),
  };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no text */
function prefixOf(applicationName: string | undefined): string {
  if (applicationName === undefined || applicationName === '') return '';
  validateApplicationName(applicationName);
  return applicationName.toLowerCase();
}

function refusePythonOptions(options: PostgresTableOptions): void {
  const option = OF_PYTHON.find((name) => options[name] !== undefined);
  if (option === undefined) return;
  throw new ProgrammingError(`${option} is of the Python library's tables: leave it out with shared.`);
}

function channelOf(name: string): string {
  return `daybook_${toHex(sha256Now(new TextEncoder().encode(name)).subarray(0, CHANNEL_BYTES))}`;
}

/** Options that only the Python library's tables have. */
const OF_PYTHON = [
  'layout',
  'eventColumns',
  'singleRowTracking',
] as const satisfies readonly (keyof PostgresTableOptions)[];

/** Which table an aggregate recorder uses. */
export interface PostgresAggregateTableOptions extends Pick<
  PostgresTableOptions,
  'applicationName' | 'schema' | 'originatorIdType' | 'layout'
> {
  /** What is recorded; put behind the application's name, as in `dogschool_snapshots`. @defaultValue `snapshots` */
  readonly purpose?: string;
  /** The table's name as it is, instead of one that is made of the application's and the purpose. */
  readonly table?: string;
  /** What columns are called, where that differs. */
  readonly columns?: Partial<Omit<PostgresEventColumns, 'notificationId'>>;
}

/** A table without notification ids, as it is written in SQL. */
export interface PostgresAggregateTable {
  readonly names: PostgresTableNames;
  /** Quoted, with the schema if there is one. */
  readonly events: string;
  /** Quoted. */
  readonly columns: PostgresEventColumns;
  readonly originatorIdType: OriginatorIdType;
  /** Creates it, if it is missing. Several statements, to be run in one transaction. */
  readonly createSql: string;
}

/**
 * Names a table of sequences of aggregates: snapshots, or events that nobody follows.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is empty, has a zero byte or is longer than 63 bytes
 */
export function postgresAggregateTable(options: PostgresAggregateTableOptions = {}): PostgresAggregateTable {
  const originatorIdType = checkedIdType(options.originatorIdType);
  const name = prefixOf(options.applicationName);
  const table = options.table ?? sequenceName(name, options.purpose ?? SNAPSHOTS);
  const columns = quotedColumns(options.columns);
  const events = qualified(options.schema, table);
  const layout = checkedLayout(options.layout);
  const createSql = `${CREATE_LOCK_SQL};
${createTypeSql(options.schema, originatorIdType, layout)};
${createSequenceSql(events, columns, originatorIdType, EVENT_COLUMNS[layout])}`;
  return { names: { schema: options.schema, events: table }, events, columns, originatorIdType, createSql };
}

function sequenceName(name: string, purpose: string): string {
  validateText('purpose', purpose, NAME_LENGTH_MAX);
  return `${name || 'stored'}_${purpose}`;
}

function qualified(schema: string | undefined, table: string): string {
  return schema === undefined ? quoteIdentifier(table) : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

function quotedColumns(columns: Partial<PostgresEventColumns> = {}): PostgresEventColumns {
  const unknown = Object.keys(columns).find((key) => !Object.hasOwn(DEFAULT_COLUMNS, key));
  if (unknown !== undefined) {
    throw new ProgrammingError(
      `columns has no ${unknown}: they are ${Object.keys(DEFAULT_COLUMNS).join(', ')}, and each is given the name that it has in the table.`,
    );
  }
  const names = { ...DEFAULT_COLUMNS, ...columns };
  return {
    originatorId: quoteIdentifier(names.originatorId),
    originatorVersion: quoteIdentifier(names.originatorVersion),
    topic: quoteIdentifier(names.topic),
    state: quoteIdentifier(names.state),
    notificationId: quoteIdentifier(names.notificationId),
  };
}

// Writers of the Python library insert by position: these columns first, in this order.
function createSequenceSql(
  table: string,
  columns: PostgresEventColumns,
  idType: OriginatorIdType,
  moreColumns: string,
): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  ${columns.originatorId} ${idType} NOT NULL,
  ${columns.originatorVersion} bigint NOT NULL,
  ${columns.topic} text,
  ${columns.state} bytea,
  ${moreColumns}
  PRIMARY KEY (${columns.originatorId}, ${columns.originatorVersion})
) WITH (${STORAGE_OPTIONS})`;
}

/** A type may not be created if it is there: of the Python library's, other tables in the schema may depend on it. */
function createTypeSql(schema: string | undefined, idType: OriginatorIdType, layout: PythonLayout): string {
  const name = qualified(schema, `stored_event_${idType}`);
  const columns = `originator_id ${idType}, originator_version bigint, topic text, state bytea`;
  const create = `CREATE TYPE ${name} AS (${columns}${layout === '10' ? ', event_id uuid, metadata jsonb' : ''})`;
  // Written as literals that nothing in a name can end.
  return `DO $$ BEGIN
  IF to_regtype(${textLiteral(name)}) IS NULL THEN EXECUTE ${textLiteral(create)}; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`;
}

function createTrackingSql(table: string, nameColumn: string, isSingleRow: boolean): string {
  const key = isSingleRow ? nameColumn : `${nameColumn}, notification_id`;
  const create = `CREATE TABLE IF NOT EXISTS ${table} (
  ${nameColumn} text,
  notification_id bigint,
  PRIMARY KEY (${key})
)`;
  // By this row the Python library knows that it need not move rows over; a table that was there has rows to be moved.
  const mark = `INSERT INTO ${table} (${nameColumn}, notification_id)
  SELECT '__migration__', 1 FROM (${trackingKeySql(table)}) AS k WHERE k.single ON CONFLICT DO NOTHING`;
  return isSingleRow ? `${create};\n${mark}` : create;
}

/**
 * A query of the key of a tracking table, quoted: `name_column`, and `single`, whether it alone is the key. No row where
 * there is no such table.
 */
export function trackingKeySql(table: string): string {
  return `SELECT a.attname::text AS name_column, i.indnkeyatts = 1 AS single FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(${textLiteral(table)})
      AND i.indisunique AND a.attname IN ('application_name', 'context_name')
    ORDER BY i.indnkeyatts LIMIT 1`;
}

function checkedLayout(layout: PythonLayout = '9'): PythonLayout {
  if (['9', '10'].includes(layout)) return layout;
  throw new ProgrammingError(`layout must be 9 or 10, as texts, but is ${layout}.`);
}

function checkedIdType(idType: OriginatorIdType = 'uuid'): OriginatorIdType {
  if (['uuid', 'text'].includes(idType)) return idType;
  throw new ProgrammingError(`originatorIdType must be uuid or text, but is ${idType}.`);
}
