/**
 * The journal in IndexedDB; `store-schema.ts` has the layout.
 *
 * @module
 */
import { unwrap } from 'idb';
import { StorageLostError } from '../errors.js';
import { IndexedDbCheckpoints } from './indexeddb-checkpoints.js';
import type { AppendOutcome, CheckpointStorage, Journal, JournalEntry } from './journal.js';
import { StoreConnection } from './store-connection.js';
import type { OpenStoreOptions } from './store-connection.js';
import type { StoreDatabase, StoreIdentity } from './store-schema.js';

/**
 * What an acknowledged commit survives. `strict`: a crash of the browser and a power cut. `relaxed`: a crash of the
 * browser; the last commits before a power cut or a crash of the system may be missing, whole and from the end on.
 */
export type Durability = 'strict' | 'relaxed';

/** Options of {@link IndexedDbJournal.open}. */
export interface OpenJournalOptions extends OpenStoreOptions {
  /** @defaultValue `strict` */
  readonly durability?: Durability;
}

/** A {@link Journal} in IndexedDB. */
export class IndexedDbJournal implements Journal {
  readonly checkpoints: CheckpointStorage;
  readonly #connection: StoreConnection;
  readonly #durability: Durability;

  private constructor(connection: StoreConnection, durability: Durability) {
    this.#connection = connection;
    this.#durability = durability;
    this.checkpoints = new IndexedDbCheckpoints(connection);
  }

  /**
   * Opens the journal of a store, and creates both where there is none.
   *
   * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when there is no IndexedDB, or it refuses
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook laid the store out
   */
  static async open(options: OpenJournalOptions): Promise<IndexedDbJournal> {
    return new IndexedDbJournal(await StoreConnection.open(options), options.durability ?? 'strict');
  }

  /** Who this store is. */
  get identity(): StoreIdentity {
    return this.#connection.identity;
  }

  append(position: number, bytes: Uint8Array): Promise<AppendOutcome> {
    return this.#connection.use((database) => appendIn(database, position, bytes, this.#durability));
  }

  readAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#connection.use(async (database) => {
      const range = IDBKeyRange.lowerBound(position, true);
      const { store } = database.transaction('journal', 'readonly');
      const [keys, values] = await Promise.all([store.getAllKeys(range, limit), store.getAll(range, limit)]);
      return keys.map((key, index) => ({ position: key, bytes: values[index] as Uint8Array }));
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
    look.onsuccess = () => {
      const first = look.result;
      if (first === undefined && before !== 0) refusal = 'gone';
      else if (first !== undefined && first !== before) refusal = 'taken';
      // Explicitly: it saves a round trip, and a page that is frozen here holds no transaction open against other tabs.
      if (refusal === undefined) transaction.commit();
      else transaction.abort();
    };
    // A transaction whose commit is asked for completes even if a request of it fails then: the request is to be asked.
    transaction.oncomplete = () => {
      if (add.error === null) resolve('appended');
      else if (add.error.name === 'ConstraintError') resolve('position-taken');
      else reject(add.error);
    };
    transaction.onabort = () => {
      const error = transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError');
      if (refusal === 'taken' || error.name === 'ConstraintError') resolve('position-taken');
      else if (refusal === 'gone') reject(recordGone(before));
      else reject(error);
    };
  });
}

function recordGone(position: number): StorageLostError {
  return new StorageLostError(
    `Journal record ${position} is gone, and what was after it. Keep the browser profile, and open the store again.`,
    { details: { position } },
  );
}
