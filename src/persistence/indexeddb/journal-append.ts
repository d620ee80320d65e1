/**
 * The transaction that appends a record, in two ways.
 *
 * ```text
 * at once:       look at the record before, and add            ─▶ commit, or abort when somebody was first
 * after others:  read what others appended ─▶ decide ─▶ add    ─▶ commit
 * ```
 *
 * The first is shorter where nobody else writes. Where others do, it is in vain whenever one of them was first, and costs
 * three transactions: one in vain, one to read, one more to append. The second needs one, unless the tab is far behind.
 *
 * @module
 */
import { unwrap } from 'idb';
import type { Clock } from '../../util/clock.js';
import { OperationalError, StorageLostError } from '../errors.js';
import type { AppendOutcome, Durability, JournalEntry, OnOvertaken } from '../journal/journal.js';
import type { StoreDatabase } from './store-schema.js';

/**
 * A tab that is frozen in the middle of a transaction keeps every other one waiting, in all tabs, for as long as the
 * browser lets it. A person is told then, and can close that tab. No disk that works takes so long.
 */
export const TRANSACTION_WAIT_MS = 30_000;

// Of others, read inside the transaction that appends. Whoever is further behind catches up first.
const OTHERS_RECORDS_MAX = 32;

/** How a record is appended. */
export interface AppendManner {
  readonly durability: Durability;
  readonly clock: Clock;
}

/**
 * Adds a record if, and only if, the one before it is the last.
 *
 * That nothing is at its own position is not enough: a tab that slept while that position was written, and compacted
 * away, would write it a second time. So the first record from the one before on is looked at; that none follows it, the
 * `add` itself shows. Both are sent together, and the answer to the look, which comes while the `add` is worked on,
 * commits or aborts both. A commit takes about a quarter longer than without the look.
 * Rejected, because it took twice as much: a mark that every transaction adds and deletes, and that a compaction leaves
 * behind, so that nothing has to be waited for.
 */
export function appendAtOnce(
  database: StoreDatabase,
  entry: JournalEntry,
  manner: AppendManner,
): Promise<AppendOutcome> {
  const before = entry.position - 1;
  const appending = new Appending(database, manner);
  const look = appending.journal.getKey(IDBKeyRange.lowerBound(before));
  appending.trying(() => appending.add(entry));
  look.onsuccess = () => appending.end(standing(before, look.result));
  return appending.outcome;
}

/** Adds what is to be added after the records that are there. As safe as {@link appendAtOnce}: it looks at the same record. */
export function appendAfterOthers(
  database: StoreDatabase,
  entry: JournalEntry,
  manner: AppendManner,
  onOvertaken: OnOvertaken,
): Promise<AppendOutcome> {
  const before = entry.position - 1;
  const appending = new Appending(database, manner);
  const { journal } = appending;
  const look = journal.getAllKeys(IDBKeyRange.lowerBound(before), OTHERS_RECORDS_MAX + 1);
  const values = journal.getAll(IDBKeyRange.lowerBound(before, true), OTHERS_RECORDS_MAX);
  values.onsuccess = () => {
    appending.endWith(() => {
      const others = othersOf(before, look.result as readonly number[], values.result as readonly Uint8Array[]);
      return others?.length === 0 ? entry : others && onOvertaken(others);
    });
  };
  return appending.outcome;
}

/**
 * @param keys - from `before` on, and it too; `values` are without it
 * @returns undefined when they are too many, or were compacted away
 */
function othersOf(
  before: number,
  keys: readonly number[],
  values: readonly Uint8Array[],
): readonly JournalEntry[] | undefined {
  const refusal = before === 0 ? undefined : standing(before, keys[0]);
  if (refusal instanceof Error) throw refusal;
  if (refusal !== undefined || values.length >= OTHERS_RECORDS_MAX) return undefined;
  const others = before === 0 ? keys : keys.slice(1);
  return others.map((position, index) => ({ position, bytes: values[index] as Uint8Array }));
}

/** Why nothing is to be appended after a record: by the first one that is there, from that record on. */
function standing(before: number, first: IDBValidKey | undefined): Refusal | undefined {
  if (first === undefined) return before === 0 ? undefined : recordGone(before);
  return first === before ? undefined : 'taken';
}

/** That others were first, or an error that says what is wrong. */
type Refusal = 'taken' | Error;

/** One transaction with at most one `add`, and what becomes of it. */
class Appending {
  readonly journal: IDBObjectStore;
  readonly outcome: Promise<AppendOutcome>;
  readonly #transaction: IDBTransaction;
  #add: IDBRequest | undefined;
  #refusal: Refusal | undefined;
  #isCommitting = false;

  constructor(database: StoreDatabase, { durability, clock }: AppendManner) {
    // Without idb's wrapper, whose listeners and promises for each request take longer than all else here.
    // Created and used in one synchronous block (Safari).
    this.#transaction = unwrap(database).transaction('journal', 'readwrite', { durability });
    this.journal = this.#transaction.objectStore('journal');
    this.outcome = this.#outcome(clock);
  }

  add({ position, bytes }: JournalEntry): void {
    this.#add = this.journal.add(bytes, position);
  }

  /** Commits, or aborts where there is a reason to. */
  end(refusal: Refusal | undefined): void {
    this.#refusal = refusal;
    try {
      // Explicitly: it saves a round trip, and a page that is frozen here holds no transaction open against other tabs.
      if (refusal === undefined) this.#transaction.commit();
      else this.#transaction.abort();
      this.#isCommitting = refusal === undefined;
    } catch {
      // It is over already, and says so itself.
    }
  }

  /** Adds and commits what is decided, or nothing. To be called in the handler of a request. */
  endWith(decide: () => JournalEntry | undefined): void {
    this.trying(() => {
      const entry = decide();
      if (entry !== undefined) this.add(entry);
      this.end(entry === undefined ? 'taken' : undefined);
    });
  }

  /** What is thrown is the outcome: thrown further, it would leave the transaction to itself, or be lost in a handler. */
  trying(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.end(error as Error);
    }
  }

  #outcome(clock: Clock): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const refuse = (refusal: Refusal): void => (refusal === 'taken' ? resolve('position-taken') : reject(refusal));
      const callOff = clock.schedule(() => {
        if (this.#isCommitting) reject(notAnswered());
        else {
          const refusal = this.#refusal ?? keptWaiting();
          this.end(refusal);
          // Firefox says that it is aborted only when it would have been its turn.
          refuse(refusal);
        }
      }, TRANSACTION_WAIT_MS);
      // A transaction whose commit is asked for completes even if a request of it fails then: the request is to be asked.
      this.#transaction.oncomplete = () => {
        callOff();
        const error = this.#add?.error ?? undefined;
        if (error === undefined) resolve('appended');
        else refuse(takenOr(error));
      };
      this.#transaction.onabort = () => {
        callOff();
        refuse(this.#refusal ?? takenOr(abortReason(this.#transaction, this.#add)));
      };
    });
  }
}

function takenOr(error: DOMException): Refusal {
  return error.name === 'ConstraintError' ? 'taken' : error;
}

/**
 * Why a transaction was aborted. Where its commit was asked for before a request failed, WebKit leaves its own error out,
 * and only the request knows: that the position is taken, or that there is no room.
 */
function abortReason(transaction: IDBTransaction, request: IDBRequest | undefined): DOMException {
  const reasons = [transaction.error, request?.error ?? null];
  return (
    reasons.find((reason) => reason !== null && reason.name !== 'AbortError') ??
    new DOMException('The transaction was aborted.', 'AbortError')
  );
}

function recordGone(position: number): StorageLostError {
  return new StorageLostError(
    `Journal record ${position} is gone, and what was after it. Keep the browser profile, and open the store again.`,
    { details: { position } },
  );
}

/** That a transaction did not begin. */
export function keptWaiting(): OperationalError {
  return tooLate(
    'come to this',
    'Another tab may be frozen. Nothing of it was stored. Close or reload the other tabs, and try again.',
  );
}

function notAnswered(): OperationalError {
  return tooLate('finish this', 'It may or may not have been stored.', { outcome: 'unknown' });
}

function tooLate(what: string, advice: string, details?: { readonly outcome: 'unknown' }): OperationalError {
  return new OperationalError(`IndexedDB did not ${what} within ${TRANSACTION_WAIT_MS} ms. ${advice}`, {
    details: { waitedMs: TRANSACTION_WAIT_MS, ...details },
  });
}
