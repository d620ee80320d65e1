import { InternalError } from '../errors.js';
import type { CheckpointPublication, CheckpointStorage, JournalEntry } from './journal.js';
import type { StoreConnection } from './store-connection.js';
import type { StoreDatabase } from './store-schema.js';

/** Keeps checkpoints beside the journal in IndexedDB. */
export class IndexedDbCheckpoints implements CheckpointStorage {
  readonly #connection: StoreConnection;

  /** @param connection - lent */
  constructor(connection: StoreConnection) {
    this.#connection = connection;
  }

  readManifests(): Promise<readonly JournalEntry[]> {
    return this.#connection.use(async (database) => {
      const { store } = database.transaction('checkpoints', 'readonly');
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
      return keys.map((position, index) => ({ position, bytes: values[index] as Uint8Array })).reverse();
    });
  }

  readChunk(key: number): Promise<Uint8Array | undefined> {
    return this.#connection.use((database) => database.get('chunks', key));
  }

  addChunk(bytes: Uint8Array): Promise<number> {
    return this.#connection.use(async (database) => {
      // Nothing depends on a chunk before it is published, durably: that makes these durable too.
      const transaction = database.transaction('chunks', 'readwrite', { durability: 'relaxed' });
      const added = transaction.store.add(bytes);
      transaction.commit();
      const [key] = await Promise.all([added, transaction.done]);
      return key;
    });
  }

  publish(publication: CheckpointPublication): Promise<boolean> {
    return this.#connection.use((database) => publishIn(database, publication));
  }

  compact(limit: number): Promise<number> {
    return this.#connection.use((database) => compactIn(database, limit));
  }
}

async function publishIn(database: StoreDatabase, publication: CheckpointPublication): Promise<boolean> {
  const { position, manifest, newestBefore, keep, chunkKeys } = publication;
  const transaction = database.transaction(['journal', 'checkpoints', 'chunks'], 'readwrite', { durability: 'strict' });
  const [journal, checkpoints, chunks] = [
    transaction.objectStore('journal'),
    transaction.objectStore('checkpoints'),
    transaction.objectStore('chunks'),
  ];
  const [positions, storedKeys, record] = await Promise.all([
    checkpoints.getAllKeys(),
    chunks.getAllKeys(),
    journal.getKey(position),
  ]);
  if (positions.at(-1) !== newestBefore) {
    transaction.commit();
    await transaction.done;
    return false;
  }
  const stored = new Set(storedKeys);
  if (record === undefined || [...chunkKeys].some((key) => !stored.has(key))) {
    transaction.done.catch(() => undefined);
    transaction.abort();
    throw new InternalError(`Checkpoint ${position} was not published: its journal record, or a chunk, is missing.`);
  }
  const requests: Promise<unknown>[] = [checkpoints.add(manifest, position)];
  for (const older of positions) if (older !== keep) requests.push(checkpoints.delete(older));
  for (const key of storedKeys) if (!chunkKeys.has(key)) requests.push(chunks.delete(key));
  // Not committed explicitly: then, a request that fails would not take the others with it.
  await Promise.all([...requests, transaction.done]);
  return true;
}

async function compactIn(database: StoreDatabase, limit: number): Promise<number> {
  // Relaxed: a record that is back after a power cut does no harm, and is deleted the next time.
  const transaction = database.transaction(['journal', 'checkpoints'], 'readwrite', { durability: 'relaxed' });
  const journal = transaction.objectStore('journal');
  const [positions, first] = await Promise.all([
    transaction.objectStore('checkpoints').getAllKeys(),
    journal.getAllKeys(null, limit),
  ]);
  const [older, newer] = positions;
  const doomed = older === undefined || newer === undefined ? [] : first.filter((position) => position <= older);
  const last = doomed.at(-1);
  const deleted = last === undefined ? undefined : journal.delete(IDBKeyRange.upperBound(last));
  transaction.commit();
  await Promise.all([deleted, transaction.done]);
  return doomed.length;
}
