/**
 * One connection to a store in IndexedDB, and what is done when the browser takes it away.
 *
 * ```text
 * open ─▶ connected ──(closed by the browser, another tab upgrades or deletes, quota exceeded)──▶ disconnected
 *             ▲                                                                                       │ next use
 *             └──────────────── reopened, never created ◀─────────────────────────────────────────────┤
 *                                                                              lost, for good ◀───────┘
 * ```
 *
 * A store that is gone is lost: an empty one is never presented in its place.
 *
 * @module
 */
import { openDB } from 'idb';
import type { OpenDBCallbacks } from 'idb';
import { databaseName } from '../../origin/origin-names.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import {
  ImportIncompleteError,
  InterfaceError,
  NotSupportedError,
  OperationalError,
  PersistenceError,
  StorageLostError,
  StorageUnavailableError,
} from '../errors.js';
import { DATABASE_VERSION, upgradeStore } from './store-schema.js';
import type { StoreIdentity } from '../journal/store-identity.js';
import type { StoreDatabase, StoreSchema } from './store-schema.js';
import { browserRoom, storageFullError } from './storage-room.js';
import type { ReadRoom } from './storage-room.js';
import { toItsEnd } from './to-its-end.js';

// An old version of the code in another tab can block an upgrade for ever, and some browsers have let an open hang.
// Long enough for a slow disk; well below the main thread's own limit, so that this error, which says more, is first.
const OPEN_TIMEOUT_MS = 10_000;

// What a transaction ends with when its connection is taken away. Nothing here aborts one without a reason of its own.
// `UnknownError` is what WebKit says when the process dies that keeps its databases, perhaps after a commit.
const CONNECTION_ERRORS: readonly string[] = ['AbortError', 'InvalidStateError', 'NotFoundError', 'UnknownError'];

/** Options of {@link StoreConnection.open}. */
export interface OpenStoreOptions {
  /** Name of the store within this origin. */
  readonly name: string;
  /** The identity to give to the store if it does not exist yet. */
  readonly newIdentity: StoreIdentity;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** How long IndexedDB may take to open, in milliseconds. @defaultValue 10 000 */
  readonly openTimeoutMs?: number;
  /** Whether it is known that the browser has thrown away what was there: then it is no reason to open nothing. @defaultValue false */
  readonly isLossKnown?: boolean;
  /** Asks how much room there is, before a full quota is blamed. @defaultValue the browser's own estimate */
  readonly room?: ReadRoom;
}

/** Options of {@link StoreConnection.existing}. */
export interface ExistingStoreOptions extends Omit<OpenStoreOptions, 'newIdentity'> {
  /** Who the store is. */
  readonly identity: StoreIdentity;
}

/** Lends the database of one store, and reopens it when that is needed. */
export class StoreConnection {
  /** Who this store is. */
  readonly identity: StoreIdentity;
  readonly #options: Omit<OpenStoreOptions, 'newIdentity'>;
  #database: StoreDatabase | undefined;
  #reopening: Promise<StoreDatabase> | undefined;
  #lost: PersistenceError | undefined;
  #closed = false;

  private constructor(
    options: Omit<OpenStoreOptions, 'newIdentity'>,
    database: StoreDatabase | undefined,
    identity: StoreIdentity,
  ) {
    this.#options = options;
    this.identity = identity;
    if (database !== undefined) this.#adopt(database);
  }

  /**
   * Opens a store, and creates it where there is none.
   *
   * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when there is no IndexedDB, or it cannot be written, or another tab with an older version blocks it
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook laid the store out
   * @throws ImportIncompleteError (`IMPORT_INCOMPLETE`) when an import into it was begun and not finished
   * @throws StorageLostError (`STORAGE_LOST`) when the browser says that it has thrown away what was there; the next
   *   opening begins an empty store
   */
  static async open(options: OpenStoreOptions): Promise<StoreConnection> {
    const found: { loss?: string | undefined } = {};
    try {
      const database = await openInTime(options, DATABASE_VERSION, {
        upgrade(upgrading, fromVersion, _toVersion, transaction, event) {
          found.loss = options.isLossKnown === true ? undefined : dataLossOf(event);
          if (found.loss !== undefined) {
            transaction.done.catch(() => undefined);
            transaction.abort();
          } else upgradeStore(upgrading, fromVersion, transaction, { key: 'store', value: options.newIdentity });
        },
      });
      const identity = await identityOf(database);
      if (identity === undefined) throw await withoutIdentity(options.name, database);
      await probe(database, (options.clock ?? systemClock).nowMs());
      return new StoreConnection(options, database, identity);
    } catch (cause) {
      if (found.loss !== undefined) {
        throw lost(
          `The browser found this site's storage damaged and threw it away (${found.loss}); the store "${options.name}" may have been there.`,
          cause,
        );
      }
      throw openingError(options.name, cause);
    }
  }

  /**
   * Connects to a store that is there, with its first use. Nothing is written, so that a store which is full can be read;
   * and one that is gone, or in whose place another has come, is `StorageLostError`.
   */
  static existing(options: ExistingStoreOptions): StoreConnection {
    return new StoreConnection(options, undefined, options.identity);
  }

  /**
   * Takes a database that is open, for an import: it has no identity yet, so a connection that is lost is not reopened.
   *
   * @param database - owned from then on
   */
  static over(database: StoreDatabase, options: OpenStoreOptions): StoreConnection {
    return new StoreConnection(options, database, options.newIdentity);
  }

  /**
   * Works with the database. While it is connected, `work` is called at once: transactions must be created and used in
   * one synchronous block (Safari), and `work` ends when they have ended (`toItsEnd`), reads too: a connection that is closed before,
   * in a worker that is stopped then, WebKit keeps for as long as the page lives, and nobody can delete the database.
   *
   * @throws StorageLostError (`STORAGE_LOST`) when the store is not there any more; for good
   * @throws StorageFullError (`STORAGE_FULL`) when the quota is used up; the next call works on a new connection
   * @throws OperationalError (`OPERATIONAL_ERROR`) when IndexedDB fails; `details.outcome` is `'unknown'` when the connection was lost meanwhile
   */
  async use<T>(work: (database: StoreDatabase) => Promise<T>): Promise<T> {
    this.#assertUsable();
    const database = this.#database ?? (await this.#reopen());
    try {
      return await work(database);
    } catch (error) {
      if (nameOf(error) !== 'InvalidStateError') throw await this.#storageError(database, error);
    }
    // The connection was closed and has not said so yet. Nothing was sent on it, so the work can be done on a new one.
    this.#disconnect(database);
    this.#assertUsable();
    const reopened = this.#database ?? (await this.#reopen());
    return work(reopened).catch(async (error: unknown) => {
      throw await this.#storageError(reopened, error);
    });
  }

  /** Closes for good. What is in flight is aborted or done. */
  close(): void {
    this.#closed = true;
    this.#database?.close();
    this.#database = undefined;
  }

  #adopt(database: StoreDatabase): void {
    this.#database = database;
    const disconnect = (): void => this.#disconnect(database);
    // Fired when another tab upgrades or deletes the store: to hold on would block it for ever.
    database.addEventListener('versionchange', disconnect);
    // Fired when the browser closes the connection by itself.
    database.addEventListener('close', disconnect);
  }

  #disconnect(database: StoreDatabase): void {
    database.close();
    if (this.#database === database) this.#database = undefined;
  }

  #reopen(): Promise<StoreDatabase> {
    this.#reopening ??= this.#openExisting().finally(() => (this.#reopening = undefined));
    return this.#reopening;
  }

  async #openExisting(): Promise<StoreDatabase> {
    const { name } = this.#options;
    const found = { isGone: false };
    try {
      const database = await openInTime(this.#options, undefined, {
        upgrade(_database, _fromVersion, _toVersion, transaction) {
          // It was deleted: what would be created now, empty, must not take its place.
          found.isGone = true;
          transaction.done.catch(() => undefined);
          transaction.abort();
        },
      });
      try {
        await this.#assertSame(database);
      } catch (error) {
        database.close();
        throw error;
      }
      this.#adopt(database);
      return database;
    } catch (cause) {
      if (found.isGone) throw this.#lose(lost(`The store "${name}" was deleted while it was open.`, cause));
      throw openingError(name, cause);
    }
  }

  async #assertSame(database: StoreDatabase): Promise<void> {
    const { name } = this.#options;
    this.#assertUsable();
    if (database.version > DATABASE_VERSION) throw this.#lose(newerLayout(name));
    const identity = await identityOf(database);
    this.#assertUsable();
    if (identity?.replicaId !== this.identity.replicaId) {
      throw this.#lose(lost(`The store "${name}" was deleted while it was open, and another one was made.`));
    }
  }

  #assertUsable(): void {
    if (this.#closed) throw new InterfaceError('The store is closed. Open it again to use it.');
    if (this.#lost !== undefined) throw this.#lost;
  }

  #lose<E extends PersistenceError>(error: E): E {
    this.#lost = error;
    return error;
  }

  async #storageError(database: StoreDatabase, cause: unknown): Promise<unknown> {
    if (cause instanceof PersistenceError) return cause;
    const name = nameOf(cause);
    if (name === 'QuotaExceededError') {
      // A connection may stay read-only after this, whatever is freed: the next call gets a new one.
      this.#disconnect(database);
      return storageFullError(cause, this.#options.room ?? browserRoom(this.#options.clock ?? systemClock));
    }
    if (this.#database !== database || CONNECTION_ERRORS.includes(name)) {
      this.#disconnect(database);
      return new OperationalError(
        'The connection to the store was lost in the middle of this. It may or may not have been stored. The next call opens it again.',
        { cause, details: { outcome: 'unknown' } },
      );
    }
    return new OperationalError(`IndexedDB failed: ${messageOf(cause)}. Nothing of the call was stored.`, { cause });
  }
}

/**
 * What the browser says when it found the files of this origin damaged, and began anew: Chromium does, in fields of its
 * own. Without a look at them, an empty store would stand, without a word, where there was one.
 */
function dataLossOf(event: IDBVersionChangeEvent): string | undefined {
  const { dataLoss, dataLossMessage } = event as { readonly dataLoss?: unknown; readonly dataLossMessage?: unknown };
  return dataLoss === 'total' ? String(dataLossMessage) : undefined;
}

/** Opens, or gives up after a while; a database that opens too late is closed at once. */
export async function openInTime(
  { name, clock = systemClock, openTimeoutMs = OPEN_TIMEOUT_MS }: Omit<OpenStoreOptions, 'newIdentity'>,
  version: number | undefined,
  callbacks: OpenDBCallbacks<StoreSchema>,
): Promise<StoreDatabase> {
  let isBlocked = false;
  const opening = openDB<StoreSchema>(databaseName(name), version, { ...callbacks, blocked: () => (isBlocked = true) });
  let isLate = false;
  opening
    .then((database) => {
      // From the first moment on, so that nobody waits for a connection that has not heard of it.
      database.addEventListener('versionchange', () => database.close());
      if (isLate) database.close();
    })
    // Whoever awaits it below hears of it.
    .catch(() => undefined);
  return inTime(clock, openTimeoutMs, opening, () => {
    isLate = true;
    const why = isBlocked
      ? 'Another tab holds it open with an older version of the application. Close or reload the other tabs.'
      : 'IndexedDB does not answer. Reload the page; if that does not help, restart the browser.';
    throw new StorageUnavailableError(`The store "${name}" did not open within ${openTimeoutMs} ms. ${why}`);
  });
}

/** Who the store is; `undefined` when it is none, or not yet. */
export async function identityOf(database: StoreDatabase): Promise<StoreIdentity | undefined> {
  const transaction = database.transaction('meta', 'readonly');
  const identity = await toItsEnd(transaction, () => transaction.store.get('store'));
  return identity as StoreIdentity | undefined;
}

/** A store that is not one, or not yet. */
async function withoutIdentity(name: string, database: StoreDatabase): Promise<Error> {
  const transaction = database.transaction('meta', 'readonly');
  const mark = await toItsEnd(transaction, () => transaction.store.get('import'));
  database.close();
  if (mark === undefined) return new Error('the store has no identity');
  return new ImportIncompleteError(
    `An import into the store "${name}" was begun and not finished. Import the same file again, which goes on where it stopped, or delete the store.`,
    { details: { name } },
  );
}

/** Writes, because a store that opens need not be one that can be written. */
async function probe(database: StoreDatabase, nowMs: number): Promise<void> {
  try {
    const transaction = database.transaction('meta', 'readwrite', { durability: 'relaxed' });
    await toItsEnd(transaction, () => transaction.store.put(nowMs, 'probe'));
  } catch (error) {
    // A full disk is no reason to withhold what is stored, and not sent yet: writing will say that there is no room.
    if (nameOf(error) !== 'QuotaExceededError') throw error;
  }
}

/** What an error of opening is, in our words. */
export function openingError(name: string, cause: unknown): PersistenceError {
  if (cause instanceof PersistenceError) return cause as PersistenceError;
  if (nameOf(cause) === 'VersionError') return newerLayout(name, cause);
  return new StorageUnavailableError(
    `The store "${name}" cannot be opened: there is no usable IndexedDB here (${messageOf(cause)}). Nothing is kept in memory instead. Refused site data, private windows, full disks and damaged profiles can be why.`,
    { cause, details: { name } },
  );
}

/** The error of a store that a newer version has laid out. */
export function newerLayout(name: string, cause?: unknown): NotSupportedError {
  return new NotSupportedError(
    `The store "${name}" was laid out by a newer version of Daybook. Load the newer version of the application. Nothing was changed.`,
    { ...(cause === undefined ? {} : { cause }), details: { name } },
  );
}

function lost(what: string, cause?: unknown): StorageLostError {
  return new StorageLostError(
    `${what} What was in it, and not sent to the server, is gone. Open it again to begin an empty one.`,
    cause === undefined ? {} : { cause },
  );
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
