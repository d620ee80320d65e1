/**
 * Transactions whose work is done on another thread: each call names the transaction that it belongs to.
 *
 * ```text
 * begin ──▶ token ──▶ calls with the token ──▶ commit ──▶ committed
 *             ▲                                  │
 *             └── a new token: run it again ◀────┘         rollBack at any time before
 * ```
 *
 * @module
 */
import type { TransactionEnd } from './protocol/store-host.js';
import { InterfaceError } from '../persistence/errors.js';
import type { DurableTransactionOptions } from '../persistence/journal/own-transactions.js';
import type { TransactionWork } from '../persistence/journal/own-tables.js';
import type { RebaseTransaction } from '../persistence/rebase-transaction.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';

type Transaction = RecorderTransaction<SqlQueryable>;

/** Where transactions are begun: a recorder, or a transaction, which gives a savepoint. */
export interface TransactionSource {
  transaction(work: TransactionWork<void>, options?: DurableTransactionOptions): Promise<void>;
}

/** One run of the work on the other thread. */
interface Round {
  readonly transaction: Transaction;
  readonly task: Task;
  commit(): void;
  rollBack(error: Error): void;
}

/** All rounds of one piece of work. */
interface Task {
  /** Settles with the next round's token, or when all is over. */
  next: PromiseWithResolvers<TransactionEnd>;
  /** Resolves when all is over, with what went wrong. */
  over: Promise<{ readonly error: unknown } | undefined>;
}

/** Ends a transaction that its owner has taken back. */
class TakenBack extends Error {}

/** The transactions that are open for the other thread. */
export class TransactionDesk {
  readonly #rounds = new Map<number, Round>();
  #lastToken = 0;

  /** @returns the token of the first round, when it is the transaction's turn */
  async begin(source: TransactionSource, options: DurableTransactionOptions): Promise<number> {
    const task: Task = { next: Promise.withResolvers(), over: Promise.resolve(undefined) };
    const ended = source.transaction((transaction) => this.#beginRound(transaction, task), options);
    task.over = ended.then(
      () => {
        task.next.resolve({ outcome: 'committed' });
        return undefined;
      },
      (error: unknown) => {
        task.next.reject(error);
        return { error };
      },
    );
    const first = await task.next.promise;
    if (first.outcome === 'committed') throw unknown();
    return first.token;
  }

  /** @throws InterfaceError (`INTERFACE_ERROR`) when there is no such transaction, or not any more */
  get(token: number): Transaction {
    return this.#round(token).transaction;
  }

  /**
   * What changes units in a transaction.
   *
   * @throws InterfaceError (`INTERFACE_ERROR`) as {@link TransactionDesk.get}
   */
  rebaseOf(token: number): RebaseTransaction {
    const { rebase } = this.get(token);
    if (rebase === undefined) throw new InterfaceError('The store of this transaction has no units.');
    return rebase;
  }

  /**
   * Commits, or asks for another round on a newer state.
   *
   * @throws why it was not committed
   */
  async commit(token: number): Promise<TransactionEnd> {
    const round = this.#take(token);
    const { task } = round;
    // If it has ended meanwhile, by itself, the old promise was settled for nobody.
    const over = task.over.then((failure): TransactionEnd => {
      if (failure !== undefined) throw failure.error;
      return { outcome: 'committed' };
    });
    task.next = Promise.withResolvers();
    round.commit();
    return await Promise.race([task.next.promise, over]);
  }

  /** @throws why it had ended before, if it had */
  async rollBack(token: number): Promise<void> {
    const round = this.#take(token);
    round.rollBack(new TakenBack());
    const failure = await round.task.over;
    if (failure !== undefined && !(failure.error instanceof TakenBack)) throw failure.error;
  }

  #beginRound(transaction: Transaction, task: Task): Promise<undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const token = ++this.#lastToken;
    this.#rounds.set(token, { transaction, task, commit: () => resolve(undefined), rollBack: reject });
    task.next.resolve({ outcome: 'run-again', token });
    return promise;
  }

  #take(token: number): Round {
    const round = this.#round(token);
    this.#rounds.delete(token);
    return round;
  }

  #round(token: number): Round {
    const round = this.#rounds.get(token);
    if (round === undefined) throw unknown();
    return round;
  }
}

function unknown(): InterfaceError {
  return new InterfaceError('The transaction has ended. Use it only until its work settles, and await every call.');
}
