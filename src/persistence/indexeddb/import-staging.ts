/**
 * Where an import is put together: in the database that becomes the store, which is none before it is finished.
 *
 * ```text
 * (nothing) ─begin─▶ "import" mark ─add blocks─▶ … ─publish─▶ tried ─finish─▶ store
 *                       │    ▲
 *                       │    └─ begin again with the same file: goes on after the blocks that are stored
 *                       └────── begin with another file, or discard: as if nothing had been begun
 * ```
 *
 * 1. A database is a store if and only if it has an identity (`meta` "store"). It is created without one, and `finish`
 *    writes it, in one durable transaction with the deletion of the mark. Whoever opens it before that is refused, by
 *    older code too.
 * 2. What has an identity is never written here.
 * 3. A block and the mark that counts it are written in one transaction.
 *
 * IndexedDB cannot rename a database; to copy from one to another in the end would write everything twice, and not at
 * once either.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { InternalError, StoreExistsError } from '../errors.js';
import { deleteStoreDatabase } from './delete-database.js';
import { openingError, openInTime, StoreConnection } from './store-connection.js';
import { DATABASE_VERSION, upgradeStore } from './store-schema.js';
import type { StoreIdentity } from '../journal/store-identity.js';
import type { ImportMark, StoreDatabase } from './store-schema.js';
import { toItsEnd } from './to-its-end.js';

// Nobody else is to hold what is not a store; who looks at it by other means has this long to let go.
const DELETE_WAIT_MS_MAX = 5_000;

/** What {@link ImportStaging.begin} needs. */
export interface StagingOptions {
  readonly name: string;
  /** Of the file that is imported. */
  readonly fileDigest: string;
  /** Who the store will be, as far as it is known. */
  readonly newIdentity: StoreIdentity;
  readonly clock: Clock;
}

/** A store in the making. */
export class ImportStaging {
  /** The connection to it. Owned by this. */
  readonly connection: StoreConnection;
  readonly #options: StagingOptions;
  #blocks: number;

  private constructor(options: StagingOptions, database: StoreDatabase, blocks: number) {
    this.#options = options;
    this.#blocks = blocks;
    this.connection = StoreConnection.over(database, options);
  }

  /**
   * Begins an import, or goes on with one that was broken off.
   *
   * @throws StoreExistsError (`STORE_EXISTS`) when there is a store of that name; it was not touched
   * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when there is no usable IndexedDB
   */
  static async begin(options: StagingOptions): Promise<ImportStaging> {
    const { name, fileDigest } = options;
    try {
      const existing = await openExisting(options);
      if (existing !== undefined) {
        const mark = await markOf(existing, name);
        const isSame = mark.fileDigest === fileDigest && existing.version === DATABASE_VERSION;
        if (isSame) return new ImportStaging(options, existing, mark.blocks);
        existing.close();
        await drop(options);
      }
      return new ImportStaging(options, await create(options), 0);
    } catch (cause) {
      throw openingError(name, cause);
    }
  }

  /** How many blocks are stored, since the import was first begun. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Stores the next block: a part of the image. */
  async addChunk(bytes: Uint8Array): Promise<void> {
    const mark = this.#nextMark();
    await this.connection.use(async (database) => {
      // Nothing depends on a block before the store is finished, durably: that makes it durable too.
      const transaction = database.transaction(['chunks', 'meta'], 'readwrite', { durability: 'relaxed' });
      await toItsEnd(transaction, () =>
        Promise.all([
          transaction.objectStore('chunks').add(bytes),
          transaction.objectStore('meta').put(mark, 'import'),
        ]),
      );
    });
    this.#blocks = mark.blocks;
  }

  /** Stores the next block: records from a position on. */
  async addRecords(first: number, records: readonly Uint8Array[]): Promise<void> {
    const mark = this.#nextMark();
    await this.connection.use(async (database) => {
      const transaction = database.transaction(['journal', 'meta'], 'readwrite', { durability: 'relaxed' });
      const journal = transaction.objectStore('journal');
      await toItsEnd(transaction, () =>
        Promise.all<unknown>([
          // Copies: to store a view would store all the records of the block with each.
          ...records.map((record, index) => journal.add(record.slice(), first + index)),
          transaction.objectStore('meta').put(mark, 'import'),
        ]),
      );
    });
    this.#blocks = mark.blocks;
  }

  /** The keys of the chunks, in the order in which they were added. */
  chunkKeys(): Promise<readonly number[]> {
    return this.connection.use((database) => {
      const transaction = database.transaction('chunks', 'readonly');
      return toItsEnd(transaction, () => transaction.store.getAllKeys());
    });
  }

  /** Stores the manifest of the image, in the place of one that an earlier attempt left. */
  async publish(position: number, manifest: Uint8Array): Promise<void> {
    await this.connection.use((database) => {
      const transaction = database.transaction('checkpoints', 'readwrite');
      return toItsEnd(transaction, () => transaction.store.put(manifest, position));
    });
  }

  /** Makes it the store, durably. */
  async finish(identity: StoreIdentity): Promise<void> {
    await this.connection.use(async (database) => {
      const transaction = database.transaction('meta', 'readwrite', { durability: 'strict' });
      const { store } = transaction;
      await toItsEnd(transaction, () => Promise.all([store.add(identity, 'store'), store.delete('import')]));
    });
  }

  /** Keeps what is there, to go on later. */
  close(): void {
    this.connection.close();
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    this.connection.close();
    await drop(this.#options);
  }

  #nextMark(): ImportMark {
    return { fileDigest: this.#options.fileDigest, blocks: this.#blocks + 1 };
  }
}

/** Opens what is there as it is, without an upgrade; undefined when there is nothing. */
async function openExisting(options: StagingOptions): Promise<StoreDatabase | undefined> {
  const found = { isNothing: false };
  try {
    return await openInTime(options, undefined, {
      upgrade(_database, _fromVersion, _toVersion, transaction) {
        found.isNothing = true;
        transaction.done.catch(() => undefined);
        transaction.abort();
      },
    });
  } catch (error) {
    if (found.isNothing) return undefined;
    throw error;
  }
}

async function markOf(database: StoreDatabase, name: string): Promise<ImportMark> {
  const transaction = database.transaction('meta', 'readonly');
  const { store } = transaction;
  const [identity, mark] = await toItsEnd(transaction, () => Promise.all([store.get('store'), store.get('import')]));
  if (identity === undefined && mark !== undefined) return mark as ImportMark;
  database.close();
  throw storeExists(name);
}

async function create(options: StagingOptions): Promise<StoreDatabase> {
  const { name, fileDigest } = options;
  const found = { isTaken: false };
  try {
    return await openInTime(options, DATABASE_VERSION, {
      upgrade(database, fromVersion, _toVersion, transaction) {
        // Somebody was first, since it was looked.
        found.isTaken = fromVersion !== 0;
        if (found.isTaken) {
          transaction.done.catch(() => undefined);
          transaction.abort();
        } else upgradeStore(database, 0, transaction, { key: 'import', value: { fileDigest, blocks: 0 } });
      },
    }).then(async (database) => {
      // Of the same version there is no upgrade, so the mark is looked at.
      const mark = await markOf(database, name);
      if (mark.fileDigest === fileDigest && mark.blocks === 0) return database;
      database.close();
      throw storeExists(name);
    });
  } catch (error) {
    if (found.isTaken) throw storeExists(name);
    throw error;
  }
}

async function drop({ name, clock }: StagingOptions): Promise<void> {
  const outcome = await deleteStoreDatabase(name, { clock, waitMsMax: DELETE_WAIT_MS_MAX });
  if (outcome === 'deleted') return;
  throw new InternalError(`What was imported into "${name}" could not be deleted: something holds its database.`);
}

function storeExists(name: string): StoreExistsError {
  return new StoreExistsError(
    `There is a store "${name}" in this browser, and it was not touched. Import under another name, or delete that store first.`,
    { details: { name } },
  );
}
