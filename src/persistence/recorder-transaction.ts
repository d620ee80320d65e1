/**
 * Transactions that belong to the caller: own SQL and events commit together, or not at all.
 *
 * @module
 */
import type { CallOptions } from './heed-signal.js';
import { ProgrammingError } from './errors.js';
import type { RebaseTransaction } from './rebase-transaction.js';
import type { ProcessRecorder } from './recorder.js';
import type { NotificationId, StoredEvent } from './stored-event.js';

/**
 * How a transaction ended; `unknown`: the connection broke during the commit, and nobody said what became of it.
 */
export type TransactionOutcome = 'committed' | 'rolledBack' | 'unknown';

/**
 * Told once of the end of a transaction. What it rejects with is reported as an uncaught error is, and changes nothing.
 */
export type EndListener = (outcome: TransactionOutcome) => void | Promise<void>;

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
  /**
   * Changes units in the transaction, and puts rows back, where `supports.units` of the recorder says that there are units.
   *
   * @internal
   */
  readonly rebase?: RebaseTransaction | undefined;
  /**
   * Sends statements with what is sent first, before that, so that nobody waits for their answers: when one is refused, so is
   * what is sent.
   *
   * @returns whether it can: something was sent already otherwise
   * @defaultValue each is sent by itself
   *
   * @internal
   */
  readonly open?: ((statements: readonly string[]) => boolean) | undefined;
  /**
   * Has events written with what is sent next, under the ids that follow on one. Whoever asks has taken the writers' turn by
   * {@link RecorderTransaction.open}, and has nothing sent before. When they would have other ids, or are refused, so is what is sent,
   * with an error that says nothing of why.
   *
   * @returns the ids; `undefined` where it cannot: something was sent already
   * @defaultValue they are sent by themselves
   *
   * @internal
   */
  readonly place?:
    ((events: readonly StoredEvent[], after: NotificationId) => readonly NotificationId[] | undefined) | undefined;
  /**
   * Sends a statement with the commit, so that nobody waits for its answer: when it is refused, so is the commit, with what is
   * made of that. Where something is sent after it nevertheless, it is sent before that.
   *
   * @defaultValue what is sent last has an answer of its own
   *
   * @internal
   */
  readonly close?:
    ((text: string, values: readonly unknown[], toError: (cause: unknown) => Error) => Promise<void>) | undefined;
}

/** What a transaction of an engine with SQL is asked for with. */
export interface TransactionOptions extends CallOptions {
  /**
   * `false`: a transaction that only reads. All that it reads is of one moment, that of its beginning, whatever is committed
   * meanwhile; nobody waits for it, and it waits for nobody who writes. What writes in it is refused with an
   * `OperationalError` (`OPERATIONAL_ERROR`). On PostgreSQL its moment is that of its first statement; a database of SQLite
   * that has one connection lends that in its turn, as for any other transaction.
   *
   * @defaultValue `true`
   */
  readonly writer?: boolean | undefined;
}

/** A process recorder whose transactions can be used from outside. */
export interface TransactionalRecorder<Connection> extends ProcessRecorder {
  /**
   * Calls a listener when the transaction that this recorder is in has ended: the outermost one, or one around this one
   * that is taken back. In the order in which they came, before `transaction` settles; the outermost waits for what they
   * do, and the recorder itself can be used in them, for it is free again.
   *
   * It is there on every {@link RecorderTransaction} of Daybook's engines, and on a session's recorder within a task. The
   * place for effects outside of the transaction, which must not be before there is a commit.
   *
   * @defaultValue it is in no transaction: what it has recorded is committed
   */
  readonly onEnded?: ((listener: EndListener) => void) | undefined;

  /**
   * Runs work in one transaction: commits when it resolves, rolls back when it rejects.
   *
   * On a {@link RecorderTransaction} it joins: what the inner work did is taken back when the inner work rejects, and
   * committed or taken back with the outer one otherwise. Concurrent transactions do not see each other; on engines
   * with one connection they take turns, and so does everything else that the recorder is asked meanwhile.
   *
   * @param options - a signal that is aborted before the work has resolved takes the transaction back: while it waits for its
   *   turn or a connection at once, later when the work has settled, which should heed the signal itself
   * @returns what the work resolved with, after the commit
   * @throws what the work rejected with, after the roll back; or an error of the commit
   */
  transaction<T>(work: (transaction: RecorderTransaction<Connection>) => Promise<T>, options?: CallOptions): Promise<T>;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when `writer` is there and neither true nor false */
export function validateWriter({ writer }: TransactionOptions): void {
  if (writer === undefined || typeof writer === 'boolean') return;
  throw new ProgrammingError(`writer must be true or false, but is ${String(writer)}.`, {
    details: { option: 'writer' },
  });
}
