/**
 * The caller's own tables beside the events of a replica: tried out first, and made what they are by the journal only.
 *
 * @module
 */
import type { RecorderTransaction } from '../recorder-transaction.js';
import type { CheckedCommit } from './replica.js';
import type { SqlQueryable, SqlResult } from '../sql/sql-queryable.js';

/** Work of a caller's in one transaction. It may be run several times, and must change nothing but the transaction. */
export type TransactionWork<T> = (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>;

/** What a piece of work came to. */
export interface Attempt<T> {
  /** What it resolved with. */
  readonly result: T;
  /** What it did, to be journalled in one record and then applied; none when it changed nothing. */
  readonly commits: readonly CheckedCommit[];
}

/** Options of {@link OwnTables.attempt}. */
export interface AttemptOptions {
  /** Takes the work back when it is aborted, and rejects with the reason. */
  readonly signal: AbortSignal;
}

/** Tables of the caller's in the database of a replica. Used by one piece of work at a time. */
export interface OwnTables {
  /** False when an attempt could not be taken back: then the replica may hold what the journal does not. */
  readonly isSound: boolean;

  /**
   * Runs work in a transaction on the replica as it is, notes what it did, and takes it back, whatever the outcome.
   * Nothing else may read or write the replica meanwhile, and nothing may wait in it to be applied.
   *
   * @throws what the work rejected with
   * @throws OperationalError (`OPERATIONAL_ERROR`), `details.reason: 'idle'`, when the work called nothing for too long
   * @throws DataError (`DATA_ERROR`) when it changed more than one record can hold
   */
  attempt<T>(work: TransactionWork<T>, options: AttemptOptions): Promise<Attempt<T>>;

  /**
   * Runs a statement that reads.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when it would write
   */
  read(text: string, values?: readonly unknown[]): SqlResult;
}
