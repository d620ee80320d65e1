/**
 * Snapshots in a collection.
 *
 * ```text
 * _id: the aggregate's id · originatorVersion, stateVersion, takenAtMs: 64 bits · eventId, aggregateType: texts · state: bytes
 * ```
 *
 * @module
 */
import { heeding, throwIfAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import { systemClock } from '../../util/clock.js';
import { LOCK_TIMEOUT_MS_DEFAULT } from '../serial/lock-retry.js';
import { isNewerSnapshot } from '../snapshot-store.js';
import type { SnapshotStore, StoredSnapshot } from '../snapshot-store.js';
import { collectionOf, createCollection, databaseOf } from './mongo-collections.js';
import { toBytes, toSafeInteger, toText, validateDocumentSizes } from './mongo-documents.js';
import type { MongoClientLike, MongoCollection, MongoDatabase, MongoDocument, MongoSession } from './mongo-driver.js';
import { duplicateKeyOf } from './mongo-errors.js';
import { MongoSessions } from './mongo-session.js';
import { validateSnapshot } from '../snapshot-validation.js';

const COLLECTION_DEFAULT = 'snapshots';

/** Options of {@link MongoSnapshotStore}. */
export interface MongoSnapshotStoreOptions {
  /** Of the official driver, connected or not. Lent: the caller closes it. */
  readonly client: MongoClientLike;
  /** The name of the database. @defaultValue that of the client's address, or else the driver's own, `test` */
  readonly database?: string;
  /** @defaultValue `snapshots` */
  readonly collection?: string;
}

/**
 * Snapshots in MongoDB.
 *
 * @example
 * ```ts
 * const store = new MongoSnapshotStore({ client, database: 'shop' });
 * await store.createTables();
 * const app = new Application({ recorder, aggregates: [order], snapshots: { store, interval: 100 } });
 * ```
 */
export class MongoSnapshotStore implements SnapshotStore {
  readonly #database: MongoDatabase;
  readonly #name: string;
  readonly #snapshots: MongoCollection;
  readonly #sessions: MongoSessions;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a collection cannot be called so */
  constructor({ client, database, collection = COLLECTION_DEFAULT }: MongoSnapshotStoreOptions) {
    this.#database = databaseOf(client, database);
    this.#name = collection;
    this.#snapshots = collectionOf(this.#database, collection);
    const waits = { lockTimeoutMs: LOCK_TIMEOUT_MS_DEFAULT, clock: systemClock, random: Math.random };
    this.#sessions = new MongoSessions(client, waits);
  }

  /**
   * Creates the collection if it is missing. Safe to call again.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the server is no member of a replica set
   */
  async createTables(): Promise<void> {
    await createCollection(this.#database, this.#name);
  }

  async select(originatorId: string, { signal }: CallOptions = {}): Promise<StoredSnapshot | undefined> {
    return await heeding(signal, () => this.#sessions.read((session) => this.#select(session, originatorId)));
  }

  /** @throws DataError (`DATA_ERROR`) when the state is larger than a document can be */
  async upsert(snapshot: StoredSnapshot, { signal }: CallOptions = {}): Promise<boolean> {
    validateSnapshot(snapshot);
    throwIfAborted(signal);
    const { originatorId, aggregateType, state } = snapshot;
    validateDocumentSizes([{ state, what: `the snapshot of ${aggregateType}` }]);
    return await this.#sessions.read(async (session) => {
      for (;;) {
        if (await this.#replaceOlder(session, snapshot)) return true;
        const present = await this.#select(session, originatorId);
        // Another saver was there in between: with an older one, or it was thrown away.
        if (present !== undefined && !isNewerSnapshot(snapshot, present)) return false;
      }
    });
  }

  async remove(originatorId?: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    await this.#sessions.read(async (session) => {
      await this.#snapshots.deleteMany(originatorId === undefined ? {} : { _id: originatorId }, { session });
    });
  }

  /** In one statement: savers that run at once need no lock of their own. */
  async #replaceOlder(session: MongoSession, snapshot: StoredSnapshot): Promise<boolean> {
    const { originatorId, eventId, aggregateType, state } = snapshot;
    const [originatorVersion, stateVersion] = [BigInt(snapshot.originatorVersion), BigInt(snapshot.stateVersion)];
    const takenAtMs = BigInt(Math.trunc(snapshot.takenAtMs));
    const isOlder = [
      { originatorVersion: { $lt: originatorVersion } },
      { originatorVersion, stateVersion: { $lt: stateVersion } },
    ];
    try {
      await this.#snapshots.updateOne(
        { _id: originatorId, $or: isOlder },
        { $set: { originatorVersion, eventId, aggregateType, stateVersion, state, takenAtMs } },
        { upsert: true, session },
      );
      return true;
    } catch (error) {
      // There is one that is not older, which an upsert finds no room beside.
      if (duplicateKeyOf(error) === undefined) throw error;
      return false;
    }
  }

  async #select(session: MongoSession, originatorId: string): Promise<StoredSnapshot | undefined> {
    const found = await this.#snapshots.findOne({ _id: originatorId }, { session });
    return found === null ? undefined : toSnapshot(originatorId, found);
  }
}

function toSnapshot(originatorId: string, document: MongoDocument): StoredSnapshot {
  return {
    originatorId,
    originatorVersion: toSafeInteger(document, 'originatorVersion'),
    eventId: toText(document, 'eventId'),
    aggregateType: toText(document, 'aggregateType'),
    stateVersion: toSafeInteger(document, 'stateVersion'),
    state: toBytes(document, 'state'),
    takenAtMs: toSafeInteger(document, 'takenAtMs'),
  };
}
