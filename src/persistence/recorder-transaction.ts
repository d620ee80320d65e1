/**
 * Transactions that belong to the caller: own SQL and events commit together, or not at all.
 *
 * @module
 */
import type { ProcessRecorder } from './recorder.js';

/**
 * A transaction in progress. As a recorder it records and reads inside the transaction: it sees its own writes, nobody
 * else does before the commit. A refused `insertEvents` takes back itself only; the transaction stays usable.
 *
 * Usable until `transaction` settles; later calls reject with `InterfaceError`.
 *
 * @typeParam Connection - the engine's own connection, for the caller's SQL: a `PostgresQueryable`, a `SqliteDatabase`
 */
export interface RecorderTransaction<Connection> extends TransactionalRecorder<Connection> {
  /** Lent: do not commit, roll back or release it. */
  readonly connection: Connection;
}

/** A process recorder whose transactions can be used from outside. */
export interface TransactionalRecorder<Connection> extends ProcessRecorder {
  /**
   * Runs work in one transaction: commits when it resolves, rolls back when it rejects.
   *
   * On a {@link RecorderTransaction} it joins: what the inner work did is taken back when the inner work rejects, and
   * committed or taken back with the outer one otherwise. Concurrent transactions do not see each other; on engines
   * with one connection they take turns, and so does everything else that the recorder is asked meanwhile.
   *
   * @returns what the work resolved with, after the commit
   * @throws what the work rejected with, after the roll back; or an error of the commit
   */
  transaction<T>(work: (transaction: RecorderTransaction<Connection>) => Promise<T>): Promise<T>;
}
