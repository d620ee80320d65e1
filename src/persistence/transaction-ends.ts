/**
 * What becomes of a transaction, for those who wait for its end: what is told of a commit, or kept because of it, must
 * not be before there is one.
 *
 * ```text
 * onEnded ──▶ waiting ──the transaction resolved──▶ told: committed; or, of one within another, waiting for that one
 *                │
 *                ├──it rejected, or is run again──▶ told: rolledBack
 *                └──nobody answered the commit────▶ told: unknown
 * ```
 *
 * @module
 */
import { reportFailure } from '../util/listeners.js';
import { isEventSourcingError } from '../domain/errors.js';
import type { EndListener, RecorderTransaction, TransactionOutcome } from './recorder-transaction.js';
import { validateFunction } from './validation.js';

type Work<T, Connection> = (transaction: RecorderTransaction<Connection>) => Promise<T>;

/** The listeners of one run of a transaction's work. */
export class TransactionEnd {
  readonly #outer: TransactionEnd | undefined;
  readonly #listeners: EndListener[] = [];
  #outcome: TransactionOutcome | undefined;

  constructor(outer: TransactionEnd | undefined) {
    this.#outer = outer;
  }

  readonly add = (listener: EndListener): void => {
    if (this.#outcome === undefined) this.#listeners.push(listener);
    // What the work left running comes late, and is told of what has been.
    else void this.#pass([listener], this.#outcome);
  };

  async settle(outcome: TransactionOutcome): Promise<void> {
    this.#outcome = outcome;
    const passed = this.#pass(this.#listeners.splice(0), outcome);
    // While one around it is open, nobody waits for listeners: they might wait for that one.
    if (this.#outer === undefined) await passed;
  }

  async #pass(listeners: readonly EndListener[], outcome: TransactionOutcome): Promise<void> {
    // Committed within another one, it may still be taken back with that.
    if (outcome === 'committed' && this.#outer !== undefined)
      for (const listener of listeners) this.#outer.add(listener);
    else await Promise.all(listeners.map((listener) => told(listener, outcome)));
  }
}

// Which recorder began a transaction, or the one around it.
const recorders = new WeakMap<object, object>();
const currents = new WeakMap<object, () => RecorderTransaction<unknown> | undefined>();

/** Which recorder began a transaction, or the one around it. */
export function recorderOf(transaction: object): object | undefined {
  return recorders.get(transaction);
}

/** The transaction that a recorder records in at the moment, if there is one: itself, or that of a session's task. */
export function transactionOf(recorder: object): RecorderTransaction<unknown> | undefined {
  return recorders.has(recorder) ? (recorder as RecorderTransaction<unknown>) : currents.get(recorder)?.();
}

/** Notes that a recorder records in whatever transaction is there at the moment. */
export function followsTransactions(recorder: object, current: () => RecorderTransaction<unknown> | undefined): void {
  currents.set(recorder, current);
}

// The ends of transactions, by the connections that they lend: a recorder can be made on one.
const ends = new WeakMap<object, TransactionEnd['add']>();

/** Where listeners wait for the end of the transaction that lent a connection, if one did. */
export function endOf(connection: object): TransactionEnd['add'] | undefined {
  return ends.get(connection);
}

/**
 * Runs a transaction whose end can be heard by `RecorderTransaction.onEnded`, also within it.
 *
 * @param recorder - whose transaction it is
 * @param begin - the engine's own; it may run the work several times, of which the last one counts
 * @param outer - of a transaction within another one; given here, and not by engines
 * @returns what the work resolved with, when all who waited for the end were told and are done
 *
 * @example
 * ```ts
 * async transaction<T>(work: (transaction: RecorderTransaction<Connection>) => Promise<T>): Promise<T> {
 *   return await withEnds(this, (heard) => this.#transaction(heard), work);
 * }
 * ```
 */
export async function withEnds<T, Connection>(
  recorder: object,
  begin: (work: Work<T, Connection>) => Promise<T>,
  work: Work<T, Connection>,
  outer?: TransactionEnd,
): Promise<T> {
  validateFunction('work', work);
  let end = new TransactionEnd(outer);
  const run = { hasWorked: false };
  try {
    const result = await begin(async (transaction) => {
      // The run before, if there was one, was taken back.
      void end.settle('rolledBack');
      end = new TransactionEnd(outer);
      run.hasWorked = false;
      const value = await work(heard(recorder, transaction, end));
      run.hasWorked = true;
      return value;
    });
    await end.settle('committed');
    return result;
  } catch (error) {
    await end.settle(run.hasWorked && isUnknown(error) ? 'unknown' : 'rolledBack');
    throw error;
  }
}

/**
 * Calls a listener when what a recorder has recorded so far is committed, or taken back: at the end of the transaction
 * that it is in, and else at once.
 *
 * @returns when the listener is done, if it was called at once
 */
export async function whenEnded(
  { onEnded }: { readonly onEnded?: ((listener: EndListener) => void) | undefined },
  listener: EndListener,
): Promise<void> {
  if (onEnded === undefined) await told(listener, 'committed');
  else onEnded(listener);
}

function heard<Connection>(
  recorder: object,
  transaction: RecorderTransaction<Connection>,
  end: TransactionEnd,
): RecorderTransaction<Connection> {
  const begin = transaction.transaction.bind(transaction);
  recorders.set(transaction, recorder);
  const { connection } = transaction;
  if (typeof connection === 'object' && connection !== null) ends.set(connection, end.add);
  // The same object, because it is the engine's, which may know it by that.
  return Object.assign(transaction, {
    onEnded: end.add,
    transaction: <T>(work: Work<T, Connection>) => withEnds<T, Connection>(recorder, begin, work, end),
  });
}

/** Its failure is its own: the transaction has ended as it has. */
async function told(listener: EndListener, outcome: TransactionOutcome): Promise<void> {
  try {
    await listener(outcome);
  } catch (error) {
    reportFailure(error);
  }
}

function isUnknown(error: unknown): boolean {
  return isEventSourcingError(error) && (error.details as { readonly outcome?: unknown }).outcome === 'unknown';
}
