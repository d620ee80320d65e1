/**
 * A recorder on SQL whose only transaction is a batch: statements that are all known before the first of them runs.
 *
 * @module
 */
import type { InsertEventsOptions, ProcessRecorder } from '../recorder.js';
import type { NotificationId, StoredEvent } from '../stored-event.js';
import type { SqlDialect } from './sql-dialect.js';

/** A statement that is not run yet. */
export interface SqlStatement {
  /** With parameters `$1`, `$2` … */
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Says what is to be written beside events, by the ids that they are going to have. May be asked more than once. */
export type StatementsBeside = (ids: readonly NotificationId[]) => Promise<readonly SqlStatement[]>;

/** A process recorder that writes statements of others in the batch of its events. `supports.batches` says so. */
export interface BatchRecorder extends ProcessRecorder {
  readonly dialect: SqlDialect;
  /**
   * Records events, and runs statements after them: all of it, or nothing. The ids are foreseen; where another writer was
   * first, it begins again with others.
   *
   * @param beside - without an effect but by what it gives
   * @throws as `insertEvents`; what `beside` rejects with; and what the database says of the statements
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when others were first for too long
   */
  insertWith(
    events: readonly StoredEvent[],
    options: InsertEventsOptions,
    beside: StatementsBeside,
  ): Promise<readonly NotificationId[]>;
}
