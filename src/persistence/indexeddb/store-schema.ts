/**
 * How a store lies in IndexedDB. This file is the layout's specification.
 *
 * ```text
 * database daybook:<name>, version 2
 *   object store "journal"      key: position   value: Uint8Array, a record (journal-record.ts)
 *   object store "meta"         key: "store"    value: { replicaId, createdAtMs }
 *                               key: "probe"    value: anything; written at every open to see that writing works
 *   object store "checkpoints"  key: position   value: Uint8Array, a manifest (checkpoint-manifest.ts)   since version 2
 *   object store "chunks"       key: generated  value: Uint8Array, a part of an image                    since version 2
 * ```
 *
 * @module
 */
import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from 'idb';

/** The newest layout that this version of Daybook knows, and the one that it creates. */
export const DATABASE_VERSION = 2;

/** Made once with the store, in the same transaction as its schema, and never changed. */
export interface StoreIdentity {
  /** Identifies this store, in this browser profile, to a server: a random UUID. */
  readonly replicaId: string;
  readonly createdAtMs: number;
}

/** The object stores. */
export interface StoreSchema extends DBSchema {
  journal: { key: number; value: Uint8Array };
  meta: { key: 'store' | 'probe'; value: StoreIdentity | number };
  checkpoints: { key: number; value: Uint8Array };
  chunks: { key: number; value: Uint8Array };
}

/** An open store. */
export type StoreDatabase = IDBPDatabase<StoreSchema>;

/** The name of a store's database in IndexedDB. */
export function databaseName(name: string): string {
  return `daybook:${name}`;
}

/** Brings a store from any older layout to the newest one; from version 0, which is none, it creates it. */
export function upgradeStore(
  database: StoreDatabase,
  fromVersion: number,
  transaction: IDBPTransaction<StoreSchema, StoreNames<StoreSchema>[], 'versionchange'>,
  newIdentity: StoreIdentity,
): void {
  if (fromVersion < 1) {
    database.createObjectStore('journal');
    database.createObjectStore('meta');
    void transaction.objectStore('meta').add(newIdentity, 'store');
  }
  if (fromVersion < 2) {
    database.createObjectStore('checkpoints');
    // Generated keys are never given again, so a chunk that is found under a key is the one that was meant.
    database.createObjectStore('chunks', { autoIncrement: true });
  }
}
