import { AdaptedSqlRecorder } from '../persistence/sql/adapted-sql-recorder.js';
import type { TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';

/** What of a `Daybook` is used. */
export interface DaybookWithSql extends SqlQueryable {
  readonly recorder: TransactionalRecorder<SqlQueryable>;
}

/**
 * Makes a `SqlRecorder` of a store: what is written once for all SQL engines, an outbox or projections for example, then
 * runs in the browser.
 *
 * @param daybook - lent, not owned: the caller closes it
 *
 * @example
 * ```ts
 * const recorder = daybookSqlRecorder(await openDaybook({ name: 'orders' }));
 * const outbox = new SqlOutbox({ recorder });
 * ```
 */
export function daybookSqlRecorder(daybook: DaybookWithSql): SqlRecorder {
  return new AdaptedSqlRecorder({
    recorder: daybook.recorder,
    dialect: 'sqlite',
    queryable: daybook,
    toQueryable: (connection) => connection,
  });
}
