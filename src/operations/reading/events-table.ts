import { eventsSql } from '../../persistence/sql/sql-events.js';
import type { EventsSql } from '../../persistence/sql/sql-events.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';

/** A table of events, as SQL. */
export interface EventsTable extends Pick<EventsSql, 'columns'> {
  readonly name: string;
}

/** The table of a recorder's events. */
export function eventsTableOf({ dialect }: SqlRecorder): EventsTable {
  const { table, columns } = eventsSql(dialect);
  return { name: table, columns };
}
