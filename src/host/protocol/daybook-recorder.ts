/**
 * The recorder of a store in the browser, on whichever side of the worker boundary it is used.
 *
 * @module
 */
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { EditionRecorder, InsertEventsOptions } from '../../persistence/recorder.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import type { ChangeSource } from '../../persistence/store-changes.js';
import type { FollowOptions, Subscription } from '../../persistence/subscription.js';
import type { UnitRecorder } from '../../persistence/unit-recorder.js';

/** What one commit survives, where it differs from the store's `durability`. */
export interface CommitOptions {
  /**
   * `strict`: as the store's, up to a power cut. `relaxed`: the end of the tab and a crash of the browser; the last commits
   * before a power cut or a crash of the system may be missing, whole and from the end on, also if they were acknowledged.
   * Commits that are written together are as durable as the one that asks for most.
   *
   * @defaultValue the store's
   */
  readonly durability?: 'strict' | 'relaxed';
}

/** Options of {@link DaybookRecorder.insertEvents}. Inside of a transaction, the transaction's durability counts. */
export interface DaybookInsertOptions extends InsertEventsOptions, CommitOptions {}

/** The recorder of a store in the browser. */
export interface DaybookRecorder extends SqlRecorder, UnitRecorder, EditionRecorder, Pick<ChangeSource, 'onChanged'> {
  /**
   * As in `ProcessRecorder`. Resolves when the commit is durable.
   *
   * @throws BacklogFullError (`BACKLOG_FULL`) when as much is pending as the store was opened to take (`backlog.maxUnits`)
   * @throws StorageFullError (`STORAGE_FULL`) when the browser has no room
   */
  insertEvents(events: readonly StoredEvent[], options?: DaybookInsertOptions): Promise<readonly NotificationId[]>;

  /**
   * Runs work in one transaction: events and the application's own tables, by SQL, are committed together, when the work
   * resolves, or not at all.
   *
   * If another tab commits meanwhile, the work is run again on the new state, and only its last run counts. So it must have
   * no effect outside of the transaction, and should be short: everything else that this tab asks of the store waits.
   *
   * @returns what the last run resolved with, when all is durable
   * @throws what the work rejected with; nothing was stored
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason` `'idle'` when the work called nothing for 10
   * seconds, `'overtaken'` when other tabs were first 20 times in a row; nothing was stored, trying again may help
   * @throws BacklogFullError (`BACKLOG_FULL`) as `insertEvents`, at its end
   */
  transaction<T>(
    work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>,
    options?: CommitOptions & CallOptions,
  ): Promise<T>;

  /** As `Daybook.onRecorded`: so that whoever has the recorder alone hears of what other tabs record. */
  onRecorded(listener: () => void): () => void;

  /** As `Daybook.subscribe`. */
  subscribe(options?: FollowOptions): Subscription;
}
