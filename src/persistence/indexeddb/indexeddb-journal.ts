/**
 * The journal in IndexedDB; `store-schema.ts` has the layout.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import { IndexedDbCheckpoints } from './indexeddb-checkpoints.js';
import { appendAfterOthers, appendAtOnce, keptWaiting, TRANSACTION_WAIT_MS } from './journal-append.js';
import type {
  AppendOptions,
  AppendOutcome,
  CheckpointStorage,
  Durability,
  Journal,
  JournalEntry,
} from '../journal/journal.js';
import { StoreConnection } from './store-connection.js';
import type { ExistingStoreOptions, OpenStoreOptions } from './store-connection.js';
import type { StoreIdentity } from '../journal/store-identity.js';
import { toItsEnd } from './to-its-end.js';

// Where others write too, records are appended in the way that costs less then, until so many found nobody before them.
const APPENDS_ON_GUARD = 16;

/** Options of {@link IndexedDbJournal.open}. */
export interface OpenJournalOptions extends OpenStoreOptions {
  /** @defaultValue `strict` */
  readonly durability?: Durability | undefined;
}

/** A {@link Journal} in IndexedDB. */
export class IndexedDbJournal implements Journal {
  readonly checkpoints: CheckpointStorage;
  readonly durability: Durability;
  readonly #connection: StoreConnection;
  readonly #clock: Clock;
  /** How many of the next appends expect that others were first. */
  #guard = 0;

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

  async append(position: number, bytes: Uint8Array, options: AppendOptions = {}): Promise<AppendOutcome> {
    const { durability = this.durability, onOvertaken, isOvertaken = false } = options;
    const how = { durability, clock: this.#clock };
    const entry = { position, bytes };
    this.#guard--;
    const outcome = await this.#connection.use((database) => {
      if (onOvertaken === undefined || !(isOvertaken || this.#guard >= 0)) return appendAtOnce(database, entry, how);
      return appendAfterOthers(database, entry, how, (entries) => {
        this.#guard = APPENDS_ON_GUARD;
        return onOvertaken(entries);
      });
    });
    if (outcome === 'position-taken') this.#guard = APPENDS_ON_GUARD;
    return outcome;
  }

  readAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#connection.use(async (database) => {
      const range = IDBKeyRange.lowerBound(position, true);
      const transaction = database.transaction('journal', 'readonly');
      const { store } = transaction;
      const reading = toItsEnd(transaction, () =>
        Promise.all([store.getAllKeys(range, limit), store.getAll(range, limit)]),
      );
      const [keys, values] = await inTime(this.#clock, TRANSACTION_WAIT_MS, reading, () => {
        throw keptWaiting();
      });
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
