/**
 * The one door to IndexedDB.
 *
 * ```text
 * database daybook:<name>, version 1
 *   object store "journal"   key: position   value: Uint8Array, a record (journal-record.ts)
 *   object store "meta"      key: "store"    value: { replicaId, createdAtMs }
 * ```
 *
 * @module
 */
import { openDB } from 'idb';
import type { DBSchema, IDBPDatabase } from 'idb';
import {
  InterfaceError,
  NotSupportedError,
  OperationalError,
  StorageFullError,
  StorageLostError,
  StorageUnavailableError,
} from '../errors.js';
import type { AppendOutcome, Journal, JournalEntry } from './journal.js';

const DATABASE_VERSION = 1;

/** Made once with the store, in the same transaction as its schema, and never changed. */
export interface StoreIdentity {
  /** Identifies this store, in this browser profile, to a server: a random UUID. */
  readonly replicaId: string;
  readonly createdAtMs: number;
}

interface StoreSchema extends DBSchema {
  journal: { key: number; value: Uint8Array };
  meta: { key: 'store'; value: StoreIdentity };
}

/** Options of {@link IndexedDbJournal.open}. */
export interface OpenJournalOptions {
  /** Name of the store within this origin. */
  readonly name: string;
  /** The identity to give to the store if it does not exist yet. */
  readonly newIdentity: StoreIdentity;
}

/** A {@link Journal} in IndexedDB, with strict durability: an appended record survives a power cut. */
export class IndexedDbJournal implements Journal {
  /** Who this store is. */
  readonly identity: StoreIdentity;
  readonly #database: IDBPDatabase<StoreSchema>;
  #lost: StorageLostError | undefined;
  #closed = false;

  private constructor(database: IDBPDatabase<StoreSchema>, identity: StoreIdentity, link: ConnectionLink) {
    this.#database = database;
    this.identity = identity;
    link.onLost = (why) => {
      this.#lost ??= new StorageLostError(`${why} Open the store again; what was acknowledged is kept.`);
      database.close();
    };
    if (link.lostBecause !== undefined) link.onLost(link.lostBecause);
  }

  /**
   * Opens the journal of a store, and creates both where there is none.
   *
   * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when there is no IndexedDB, or it refuses
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook laid the store out
   */
  static async open(options: OpenJournalOptions): Promise<IndexedDbJournal> {
    const link: ConnectionLink = {
      onLost(why) {
        link.lostBecause = why;
      },
    };
    try {
      const database = await openDB<StoreSchema>(databaseName(options.name), DATABASE_VERSION, {
        upgrade(upgrading, _oldVersion, _newVersion, transaction) {
          upgrading.createObjectStore('journal');
          upgrading.createObjectStore('meta');
          void transaction.objectStore('meta').add(options.newIdentity, 'store');
        },
        blocking: () => link.onLost('Another tab deletes or upgrades the store.'),
        terminated: () => link.onLost('The browser closed the connection to the store.'),
      });
      const identity = await database.get('meta', 'store');
      if (identity === undefined) throw new Error('the store has no identity');
      return new IndexedDbJournal(database, identity, link);
    } catch (cause) {
      if (nameOf(cause) === 'VersionError') {
        throw new NotSupportedError(
          `The store "${options.name}" was laid out by a newer version of Daybook. Load the newer version of the application. Nothing was changed.`,
          { cause, details: { name: options.name } },
        );
      }
      throw new StorageUnavailableError(
        `The store "${options.name}" cannot be opened: there is no usable IndexedDB here (${messageOf(cause)}). Nothing is kept in memory instead. Private windows and full disks are common reasons.`,
        { cause, details: { name: options.name } },
      );
    }
  }

  async append(position: number, bytes: Uint8Array): Promise<AppendOutcome> {
    this.#assertUsable();
    try {
      // Created and used in one synchronous block (Safari), committed explicitly: that saves a round trip, and a
      // page that is frozen here does not hold a transaction open against the other tabs.
      const transaction = this.#database.transaction('journal', 'readwrite', { durability: 'strict' });
      const added = transaction.store.add(bytes, position);
      transaction.commit();
      await Promise.all([added, transaction.done]);
      return 'appended';
    } catch (error) {
      if (nameOf(error) === 'ConstraintError') return 'position-taken';
      throw this.#storageError(error);
    }
  }

  async readAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    this.#assertUsable();
    try {
      const range = IDBKeyRange.lowerBound(position, true);
      const { store } = this.#database.transaction('journal', 'readonly');
      const [keys, values] = await Promise.all([store.getAllKeys(range, limit), store.getAll(range, limit)]);
      return keys.map((key, index) => ({ position: key, bytes: values[index] as Uint8Array }));
    } catch (error) {
      throw this.#storageError(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#database.close();
  }

  #assertUsable(): void {
    if (this.#closed) throw new InterfaceError('The store is closed. Open it again to use it.');
    if (this.#lost !== undefined) throw this.#lost;
  }

  #storageError(cause: unknown): OperationalError {
    if (this.#lost !== undefined) return this.#lost;
    const name = nameOf(cause);
    if (name === 'QuotaExceededError') {
      return new StorageFullError(
        'The browser has no room for this commit. Nothing of it was stored. Free space, or ask for persistent storage, and try again.',
        { cause },
      );
    }
    if (name === 'InvalidStateError' || name === 'NotFoundError') {
      return new StorageLostError('The store was closed or deleted while in use. Open it again.', { cause });
    }
    return new OperationalError(`IndexedDB failed: ${messageOf(cause)}. Nothing of the call was stored.`, { cause });
  }
}

/** Lets events of the connection find the journal, which is made only after them. */
interface ConnectionLink {
  onLost: (why: string) => void;
  lostBecause?: string;
}

/** The name of a store's database in IndexedDB. */
export function databaseName(name: string): string {
  return `daybook:${name}`;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
