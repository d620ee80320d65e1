import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { NotifiedEvent } from './notified-event.js';

/**
 * What takes part in the transactions of an application: an outbox, an index, an in-line projection. What it writes is
 * committed together with the events, or not at all.
 */
export interface InlineParticipant {
  /**
   * Called after the events were inserted, in the same transaction, with events of one commit in the order of their
   * notification ids. What it rejects with refuses the whole commit.
   *
   * May be called more than once for one commit, in a transaction that begins anew each time: a browser store runs it
   * again when another tab was faster. So it has no effect but on the connection of the transaction, which is
   * `undefined` on an engine without SQL.
   *
   * @defaultValue it only hears of commits, and needs no transaction
   */
  onRecorded?(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    events: readonly NotifiedEvent[],
  ): Promise<void>;
  /**
   * Called once after the commit, which is that of the whole transaction where the application records in one, with the events as they were committed, in the order of the commits. The place for
   * effects that are not in the transaction: waking somebody, or memory. Not called when the process ended before. What it
   * throws is not caught: the commit has succeeded, and says so.
   */
  onCommitted?(events: readonly NotifiedEvent[]): void;
  /**
   * Called once instead of {@link InlineParticipant.onCommitted} when the transaction that the application records in was
   * rolled back after the events were saved in it, or nobody knows how it ended: somebody may have read them meanwhile.
   * Not called for a save that was refused by itself.
   */
  onRolledBack?(events: readonly NotifiedEvent[]): void;
}

/** Whether any of them takes part in transactions, and does not only hear of commits. */
export function takePartInTransactions(participants: readonly InlineParticipant[]): boolean {
  return participants.some((participant) => typeof participant.onRecorded === 'function');
}
