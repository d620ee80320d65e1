/**
 * The way out: deletes a store with everything in it.
 *
 * @module
 */
import type { EventSourcingError } from '../domain/errors.js';
import { startBackupLink } from './backup-link.js';
import { WorkerFailedError } from '../host/protocol/client-errors.js';
import { wasmHref } from './start-worker.js';
import type { WorkerFiles } from './start-worker.js';
import { markedReplica, markStore, unmarkStore } from '../origin/store-marker.js';
import { checkedMs } from '../persistence/validation.js';
import { validateStoreName } from '../host/protocol/store-name.js';

// A tab that is being closed lets go within this time; a person who waits for a log-out does not wait much longer.
const TIMEOUT_MS_DEFAULT = 5_000;
// For the worker to load and to read the store, before the wait for others counts.
const WORKER_TIMEOUT_MS = 60_000;

/** Options of {@link deleteDaybook}. */
export interface DeleteDaybookOptions extends WorkerFiles {
  /** Deletes also what no server has, or what was set aside: it is lost. @defaultValue `false` */
  readonly evenIfUnsynced?: boolean;
  /** How long to wait for those who have the store open, in milliseconds. @defaultValue 5 000 */
  readonly timeoutMs?: number;
}

/**
 * Deletes a store: its events, its tracking records, and its identity. Deleting a store that is not there is fine.
 *
 * Who opens the store meanwhile waits, and opens a new one. Without Web Locks (insecure contexts) nobody can tell
 * whether another tab has the store open; it learns of the deletion by `StorageLostError` then.
 *
 * @param name - the name that it was opened with
 * @throws UnsyncedEventsError (`UNSYNCED_EVENTS`) when there are events that no server has confirmed (all of them, in a
 *   store that was never synchronised), units that it has lost, or units that were set aside: `details.pending`,
 *   `details.lostUnits` and `details.setAsideUnits` say how many. Of a store that the browser has lost, what the next
 *   opening would bring back counts, and `details.rescuedEvents` says how much of `pending` that is. Nothing was deleted.
 * @throws StoreInUseError (`STORE_IN_USE`) when a tab still has the store open after the wait. Nothing was deleted,
 *   unless `details.outcome` is `'unknown'`: then code that is not Daybook's holds the database, and the browser deletes it
 *   when it lets go.
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) and others of `openDaybook` when the store cannot be read, and
 *   OperationalError (`OPERATIONAL_ERROR`) with `details.reason` `'rescue'` when its files for a rescue cannot, so that
 *   nobody knows what is unsynced; `evenIfUnsynced` deletes it unread
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is wrong
 *
 * @example
 * ```ts
 * try {
 *   await deleteDaybook('stock-count');
 * } catch (error) {
 *   if (!isEventSourcingError(error) || error.code !== 'UNSYNCED_EVENTS') throw error;
 *   if (confirm(`Lose ${error.details.pending} counts?`)) await deleteDaybook('stock-count', { evenIfUnsynced: true });
 * }
 * ```
 */
export async function deleteDaybook(name: string, options: DeleteDaybookOptions = {}): Promise<void> {
  validateStoreName(name);
  const { evenIfUnsynced = false, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  checkedMs('timeoutMs', timeoutMs);
  const link = startBackupLink(options);
  const callOff = link.endAfter({
    timeoutMs: WORKER_TIMEOUT_MS + 2 * timeoutMs,
    tooLate: () => new WorkerFailedError(`The worker did not delete the store "${name}" in time.`),
  });
  const replicaId = markedReplica(name);
  // Before, because whoever opens the store as soon as it is deleted is to find a new one, and not a lost one.
  unmarkStore(name);
  let isAsked = false;
  try {
    await link.watch();
    isAsked = true;
    await link.call((host) => host.delete({ name, wasmUrl: wasmHref(options), evenIfUnsynced, timeoutMs }));
  } catch (error) {
    // Where it may have been deleted after all, or still will be, who opens it next is to find a new one, too.
    const { details } = error as Partial<EventSourcingError>;
    const mayBeDeleted = isAsked && (link.refusal !== undefined || details?.['outcome'] === 'unknown');
    if (replicaId !== undefined && !mayBeDeleted) markStore(name, replicaId);
    throw error;
  } finally {
    callOff();
    // Its work is done either way; nobody calls it any more.
    link.end(new WorkerFailedError('The worker was stopped.'));
  }
}
