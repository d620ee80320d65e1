/** The part of a transaction that is needed here. */
export interface EndingTransaction {
  readonly done: Promise<void>;
  abort(): void;
}

/**
 * Works in a transaction, and waits for its end, whatever became of the work: what fails takes all of it back.
 *
 * A request may be refused at once, and its transaction would complete with those before it. Or it rejects, before its
 * transaction is aborted. Whoever closes the connection in between, in a worker that is stopped then, leaves WebKit with
 * a connection that nobody can close: the database cannot be deleted any more.
 *
 * @param work - called at once, in the step in which the transaction was begun
 * @throws what happened first
 */
export async function toItsEnd<T>(transaction: EndingTransaction, work: () => Promise<T>): Promise<T> {
  const { done } = transaction;
  // What is thrown at once rejects too.
  const working = (async () => work())();
  try {
    const [result] = await Promise.all([working, done]);
    return result;
  } catch (error) {
    abort(transaction);
    await done.catch(() => undefined);
    throw error;
  }
}

function abort(transaction: EndingTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended, or is about to.
  }
}
