import type { IDBPTransaction } from 'idb';
import { InternalError } from '../errors.js';
import type { CheckpointPublication, CheckpointStorage, JournalEntry } from '../journal/journal.js';
import type { StoreConnection } from './store-connection.js';
import type { StoreSchema } from './store-schema.js';
import { toItsEnd } from './to-its-end.js';

type WriteTransaction<Name extends 'journal' | 'checkpoints' | 'chunks'> = IDBPTransaction<
  StoreSchema,
  Name[],
  'readwrite'
>;

/** Keeps checkpoints beside the journal in IndexedDB. */
export class IndexedDbCheckpoints implements CheckpointStorage {
  readonly #connection: StoreConnection;

  /** @param connection - lent */
  constructor(connection: StoreConnection) {
    this.#connection = connection;
  }

  readManifests(): Promise<readonly JournalEntry[]> {
    return this.#connection.use(async (database) => {
      const transaction = database.transaction('checkpoints', 'readonly');
      const { store } = transaction;
      const [keys, values] = await toItsEnd(transaction, () => Promise.all([store.getAllKeys(), store.getAll()]));
      return keys.map((position, index) => ({ position, bytes: values[index] as Uint8Array })).reverse();
    });
  }

  readChunk(key: number): Promise<Uint8Array | undefined> {
    return this.#connection.use((database) => {
      const transaction = database.transaction('chunks', 'readonly');
      return toItsEnd(transaction, () => transaction.store.get(key));
    });
  }

  addChunk(bytes: Uint8Array): Promise<number> {
    return this.#connection.use((database) => {
      // Nothing depends on a chunk before it is published, durably: that makes these durable too.
      const transaction = database.transaction('chunks', 'readwrite', { durability: 'relaxed' });
      return toItsEnd(transaction, () => {
        const added = transaction.store.add(bytes);
        transaction.commit();
        return added;
      });
    });
  }

  publish(publication: CheckpointPublication): Promise<boolean> {
    return this.#connection.use((database) => {
      const transaction = database.transaction(['journal', 'checkpoints', 'chunks'], 'readwrite', {
        durability: 'strict',
      });
      return toItsEnd(transaction, () => publishIn(transaction, publication));
    });
  }

  compact(limit: number): Promise<number> {
    return this.#connection.use((database) => {
      // Relaxed: a record that is back after a power cut does no harm, and is deleted the next time.
      const transaction = database.transaction(['journal', 'checkpoints'], 'readwrite', { durability: 'relaxed' });
      return toItsEnd(transaction, () => compactIn(transaction, limit));
    });
  }
}

async function publishIn(
  transaction: WriteTransaction<'journal' | 'checkpoints' | 'chunks'>,
  publication: CheckpointPublication,
): Promise<boolean> {
  const { position, manifest, newestBefore, keep, chunkKeys } = publication;
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
    return false;
  }
  const stored = new Set(storedKeys);
  if (record === undefined || [...chunkKeys].some((key) => !stored.has(key))) {
    transaction.abort();
    throw new InternalError(`Checkpoint ${position} was not published: its journal record, or a chunk, is missing.`);
  }
  const requests: Promise<unknown>[] = [checkpoints.add(manifest, position)];
  for (const older of positions) if (older !== keep) requests.push(checkpoints.delete(older));
  for (const key of storedKeys) if (!chunkKeys.has(key)) requests.push(chunks.delete(key));
  // Not committed explicitly: then, a request that fails would not take the others with it.
  await Promise.all(requests);
  return true;
}

async function compactIn(transaction: WriteTransaction<'journal' | 'checkpoints'>, limit: number): Promise<number> {
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
  await deleted;
  return doomed.length;
}
