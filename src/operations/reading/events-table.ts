import type { SqlLog } from '../../persistence/sql/sql-dialect.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';

const COLUMNS: SqlLog['columns'] = {
  originatorId: 'originator_id',
  originatorVersion: 'originator_version',
  topic: 'topic',
  state: 'state',
  notificationId: 'notification_id',
};

/** A table of events, as SQL. */
export interface EventsTable {
  readonly name: string;
  readonly columns: SqlLog['columns'];
}

/** The table of a recorder's events. */
export function eventsTableOf({ dialect: { log } }: SqlRecorder): EventsTable {
  return { name: log?.eventsTable ?? 'stored_events', columns: log?.columns ?? COLUMNS };
}
