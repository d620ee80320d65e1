/**
 * The tables of events that tenants share, see `postgres-tenants.ts`. Not the Python library's: it knows no tenants.
 *
 * ```text
 * <name>_events          tenant_id · originator_id · originator_version · topic · state · notification_id
 *                        primary key (tenant_id, originator_id, originator_version), unique (tenant_id, notification_id)
 * <name>_events_tenants  tenant_id: a row for each tenant that has written, which who writes events locks
 * <name>_tracking        tenant_id · application_name · notification_id, all of them the primary key
 * ```
 *
 * Ids count up from 1 for each tenant. A tenant is there with its first event.
 *
 * @module
 */
import type { SqlTenants } from '../sql/sql-tenants.js';
import type { OriginatorIdType } from '../validation.js';
import { quoteIdentifier, withEnding } from './postgres-identifiers.js';

const TENANTS_ENDING = '_tenants';
const INDEX_ENDING = '_notification_id_idx';

/** What the tables are called, without quotes and schema. */
export interface SharedTableNames {
  readonly schema: string | undefined;
  readonly eventsTable: string;
  readonly trackingTable: string;
}

/** The same as SQL, and what is in them. */
export interface SharedTableParts {
  readonly events: string;
  readonly tracking: string;
  readonly columns: Readonly<
    Record<'originatorId' | 'originatorVersion' | 'topic' | 'state' | 'notificationId', string>
  >;
  readonly originatorIdType: OriginatorIdType;
  /** Keeps two that create them at once apart. */
  readonly lockSql: string;
  /** Of the table of the events. */
  readonly storageOptions: string;
}

/** What differs where tenants share tables. */
export interface SharedTables {
  readonly tenants: SqlTenants;
  readonly createEventsSql: string;
  readonly createTrackingSql: string;
  readonly turnSql: string;
}

/** The SQL of the tables. */
export function sharedTables(tenants: SqlTenants, names: SharedTableNames, parts: SharedTableParts): SharedTables {
  const { schema, eventsTable, trackingTable } = names;
  const { events, tracking, columns, originatorIdType, lockSql, storageOptions } = parts;
  const { originatorId, originatorVersion, topic, state, notificationId } = columns;
  const { columnSql, column, partitionSql } = tenants;
  const turns = withEnding(eventsTable, TENANTS_ENDING);
  const turnsTable = `${schema === undefined ? '' : `${quoteIdentifier(schema)}.`}${quoteIdentifier(turns)}`;
  const storageSql = `WITH (${storageOptions})`;
  return {
    tenants,
    createEventsSql: `${lockSql};
CREATE TABLE IF NOT EXISTS ${turnsTable} (${columnSql} PRIMARY KEY);
${tenants.shareSql({ name: turns, schema }, { isLarge: false })};
CREATE TABLE IF NOT EXISTS ${events} (
  ${columnSql},
  ${originatorId} ${originatorIdType} NOT NULL,
  ${originatorVersion} bigint NOT NULL,
  ${topic} text,
  ${state} bytea,
  ${notificationId} bigint NOT NULL,
  PRIMARY KEY (${column}, ${originatorId}, ${originatorVersion})
) ${partitionSql === '' ? storageSql : partitionSql};
CREATE UNIQUE INDEX IF NOT EXISTS ${quoteIdentifier(withEnding(eventsTable, INDEX_ENDING))}
  ON ${events} (${column}, ${notificationId} ASC);
${tenants.shareSql({ name: eventsTable, schema }, { isLarge: true, storageSql })}`,
    createTrackingSql: `${lockSql};
CREATE TABLE IF NOT EXISTS ${tracking} (
  ${columnSql},
  application_name text,
  notification_id bigint,
  PRIMARY KEY (${column}, application_name, notification_id)
);
${tenants.shareSql({ name: trackingTable, schema }, { isLarge: false })}`,
    // The row of the tenant, made with its first turn. Policies leave it no other.
    turnSql: `INSERT INTO ${turnsTable} DEFAULT VALUES ON CONFLICT DO NOTHING;\nSELECT FROM ${turnsTable} LIMIT 1 FOR UPDATE`,
  };
}
