/**
 * The journal in IndexedDB; `store-schema.ts` has the layout.
 *
 * @module
 */
import { unwrap } from 'idb';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { OperationalError, StorageLostError } from '../errors.js';
import { IndexedDbCheckpoints } from './indexeddb-checkpoints.js';
import type { AppendOptions, AppendOutcome, CheckpointStorage, Durability, Journal, JournalEntry } from './journal.js';
import { StoreConnection } from './store-connection.js';
import type { ExistingStoreOptions, OpenStoreOptions } from './store-connection.js';
import type { StoreIdentity } from './store-identity.js';
import type { StoreDatabase } from './store-schema.js';
import { toItsEnd } from './to-its-end.js';

// A tab that is frozen in the middle of a transaction keeps every other one waiting, in all tabs, for as long as the
// browser lets it. A person is told then, and can close that tab. No disk that works takes so long.
const TRANSACTION_WAIT_MS = 30_000;

/** Options of {@link IndexedDbJournal.open}. */
export interface OpenJournalOptions extends OpenStoreOptions {
  /** @defaultValue `strict` */
  readonly durability?: Durability;
}

/** A {@link Journal} in IndexedDB. */
export class IndexedDbJournal implements Journal {
  readonly checkpoints: CheckpointStorage;
  readonly durability: Durability;
  readonly #connection: StoreConnection;
  readonly #clock: Clock;

  private constructor(connection: StoreConnection, durability: Durability, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.durability = durability;
    this.checkpoints = new IndexedDbCheckpoints(connection);
  }

  /**
   * Opens the journal of a store, and creates both where there is none.
   *
   * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when there is no IndexedDB, or it refuses
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook laid the store out
   */
  static async open(options: OpenJournalOptions): Promise<IndexedDbJournal> {
    const { durability = 'strict', clock = systemClock } = options;
    return new IndexedDbJournal(await StoreConnection.open(options), durability, clock);
  }

  /** The journal of a store that another worker has open. Opened with its first use; it is never created. */
  static existing(options: ExistingStoreOptions): IndexedDbJournal {
    const { clock = systemClock } = options;
    return new IndexedDbJournal(StoreConnection.existing(options), 'strict', clock);
  }

  /** The journal of a store that is being imported, to try it before it becomes the store. Closed with its connection. */
  static over(connection: StoreConnection): IndexedDbJournal {
    return new IndexedDbJournal(connection, 'strict', systemClock);
  }

  /** Who this store is. */
  get identity(): StoreIdentity {
    return this.#connection.identity;
  }

  append(position: number, bytes: Uint8Array, options: AppendOptions = {}): Promise<AppendOutcome> {
    const { durability = this.durability } = options;
    return this.#connection.use((database) => appendIn(database, position, bytes, durability, this.#clock));
  }

  readAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#connection.use(async (database) => {
      const range = IDBKeyRange.lowerBound(position, true);
      const transaction = database.transaction('journal', 'readonly');
      const { store } = transaction;
      const reading = toItsEnd(transaction, () =>
        Promise.all([store.getAllKeys(range, limit), store.getAll(range, limit)]),
      );
      const [keys, values] = await inTime(reading, this.#clock);
      return keys.map((key, index) => ({ position: key, bytes: values[index] as Uint8Array }));
    });
  }

  lastPosition(): Promise<number> {
    return this.#connection.use(async (database) => {
      const transaction = database.transaction('journal', 'readonly');
      const last = await toItsEnd(transaction, () => transaction.store.openKeyCursor(null, 'prev'));
      return last?.key ?? 0;
    });
  }

  close(): void {
    this.#connection.close();
  }
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
function appendIn(
  database: StoreDatabase,
  position: number,
  bytes: Uint8Array,
  durability: Durability,
  clock: Clock,
): Promise<AppendOutcome> {
  const before = position - 1;
  // Without idb's wrapper, whose listeners and promises for each request take longer than all else here.
  // Created and used in one synchronous block (Safari).
  const transaction = unwrap(database).transaction('journal', 'readwrite', { durability });
  const journal = transaction.objectStore('journal');
  const look = journal.getKey(IDBKeyRange.lowerBound(before));
  const add = journal.add(bytes, position);
  return new Promise((resolve, reject) => {
    let refusal: 'taken' | 'gone' | undefined;
    let isCommitting = false;
    const callOff = clock.schedule(() => {
      if (isCommitting) reject(notAnswered());
      // A second abort would throw.
      if (isCommitting || refusal !== undefined) return;
      transaction.abort();
      // Firefox says that it is aborted only when it would have been its turn.
      reject(keptWaiting());
    }, TRANSACTION_WAIT_MS);
    look.onsuccess = () => {
      const first = look.result;
      if (first === undefined && before !== 0) refusal = 'gone';
      else if (first !== undefined && first !== before) refusal = 'taken';
      // Explicitly: it saves a round trip, and a page that is frozen here holds no transaction open against other tabs.
      isCommitting = refusal === undefined;
      if (isCommitting) transaction.commit();
      else transaction.abort();
    };
    // A transaction whose commit is asked for completes even if a request of it fails then: the request is to be asked.
    transaction.oncomplete = () => {
      callOff();
      if (add.error === null) resolve('appended');
      else if (add.error.name === 'ConstraintError') resolve('position-taken');
      else reject(add.error);
    };
    transaction.onabort = () => {
      callOff();
      const error = abortReason(transaction, add);
      if (refusal === 'taken' || error.name === 'ConstraintError') resolve('position-taken');
      else if (refusal === 'gone') reject(recordGone(before));
      else reject(error);
    };
  });
}

/**
 * Why a transaction was aborted. Where its commit was asked for before a request failed, WebKit leaves its own error out,
 * and only the request knows: that the position is taken, or that there is no room.
 */
function abortReason(transaction: IDBTransaction, request: IDBRequest): DOMException {
  const reasons = [transaction.error, request.error];
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

function inTime<T>(work: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = clock.schedule(() => reject(keptWaiting()), TRANSACTION_WAIT_MS);
    work.then(resolve, reject).finally(callOff);
  });
}

function keptWaiting(): OperationalError {
  return new OperationalError(
    `IndexedDB did not come to this within ${TRANSACTION_WAIT_MS} ms: another tab of this application may be frozen in the middle of its work. Nothing of it was stored. Close or reload the other tabs, and try again.`,
    { details: { waitedMs: TRANSACTION_WAIT_MS } },
  );
}

function notAnswered(): OperationalError {
  return new OperationalError(
    `IndexedDB did not finish this within ${TRANSACTION_WAIT_MS} ms. It may or may not have been stored.`,
    { details: { waitedMs: TRANSACTION_WAIT_MS, outcome: 'unknown' } },
  );
}
