/**
 * The table of events as SQL beside it reads it, on every engine.
 *
 * @module
 */
import { bytesToUuid } from '../../util/uuid-bytes.js';
import type { ServerRecord } from '../server-records.js';
import type { Notification } from '../stored-event.js';
import type { SqlDialect, SqlLog } from './sql-dialect.js';
import type { SqlRow } from './sql-queryable.js';

const TABLE = 'stored_events';
const COLUMNS: SqlLog['columns'] = {
  originatorId: 'originator_id',
  originatorVersion: 'originator_version',
  topic: 'topic',
  state: 'state',
  notificationId: 'notification_id',
};

/** The table of a log's events. */
export interface EventsSql {
  /** As SQL, with its schema where there is one. */
  readonly table: string;
  /** What its columns are called, as SQL. */
  readonly columns: SqlLog['columns'];
  /** A list of columns that {@link toNotification} reads, of the table under a name. */
  readonly select: (alias: string) => string;
}

/** The table of events of a recorder, by its dialect. */
export function eventsSql({ log, eventsTable = TABLE }: Pick<SqlDialect, 'log' | 'eventsTable'>): EventsSql {
  const columns = log?.columns ?? COLUMNS;
  const select = (alias: string): string =>
    Object.entries(COLUMNS)
      .map(([key, name]) => `${alias}.${columns[key as keyof SqlLog['columns']]} AS ${name}`)
      .join(', ');
  return { table: log?.eventsTable ?? eventsTable, columns, select };
}

/** A row of {@link EventsSql.select} as a notification. */
export function toNotification(row: SqlRow): Notification {
  const { originator_id: originatorId, state } = row;
  return {
    id: Number(row['notification_id']),
    originatorId: originatorId instanceof Uint8Array ? bytesToUuid(originatorId) : String(originatorId),
    originatorVersion: Number(row['originator_version']),
    topic: String(row['topic']),
    // Some drivers have no empty blob, and those of others are views of larger ones.
    state: new Uint8Array((state as Uint8Array | null) ?? []),
  };
}

/** A row of `author` and `recorded_at_ms`. */
export function toServerRecord(row: SqlRow): ServerRecord {
  return { recordedAt: new Date(Number(row['recorded_at_ms'])), author: String(row['author']) };
}
