/**
 * How a store lies in IndexedDB. This file is the layout's specification.
 *
 * ```text
 * database daybook:<name>, version 2
 *   object store "journal"      key: position   value: Uint8Array, a record (journal-record.ts)
 *   object store "meta"         key: "store"    value: { replicaId, createdAtMs, copyOf?, pushBaseId? }
 *                               key: "import"   value: { fileDigest, blocks }: an import is not finished; only while there
 *                                               is no "store", so that code that does not know it refuses the store too
 *                               key: "probe"    value: anything; written at every open to see that writing works
 *   object store "checkpoints"  key: position   value: Uint8Array, a manifest (checkpoint-manifest.ts)   since version 2
 *   object store "chunks"       key: generated  value: Uint8Array, a part of an image                    since version 2
 * ```
 *
 * @module
 */
import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from 'idb';
import type { StoreIdentity } from '../journal/store-identity.js';

/** The newest layout that this version of Daybook knows, and the one that it creates. */
export const DATABASE_VERSION = 2;

/** How far an import is that is not finished. Changed in the transactions that store what it speaks of. */
export interface ImportMark {
  /** Which file: the digest of its first block. */
  readonly fileDigest: string;
  /** Blocks of it, without the header, that are stored. */
  readonly blocks: number;
}

/** The object stores. */
export interface StoreSchema extends DBSchema {
  journal: { key: number; value: Uint8Array };
  meta: { key: 'store' | 'probe' | 'import'; value: StoreIdentity | number | ImportMark };
  checkpoints: { key: number; value: Uint8Array };
  chunks: { key: number; value: Uint8Array };
}

/** An open store. */
export type StoreDatabase = IDBPDatabase<StoreSchema>;

/** What `meta` begins with. */
export type FirstMeta =
  { readonly key: 'store'; readonly value: StoreIdentity } | { readonly key: 'import'; readonly value: ImportMark };

/**
 * Brings a store from any older layout to the newest one; from version 0, which is none, it creates it, with a first
 * entry in `meta`: who it is, or that it is being imported.
 */
export function upgradeStore(
  database: StoreDatabase,
  fromVersion: number,
  transaction: IDBPTransaction<StoreSchema, StoreNames<StoreSchema>[], 'versionchange'>,
  first: FirstMeta,
): void {
  if (fromVersion < 1) {
    database.createObjectStore('journal');
    database.createObjectStore('meta');
    void transaction.objectStore('meta').add(first.value, first.key);
  }
  if (fromVersion < 2) {
    database.createObjectStore('checkpoints');
    // Generated keys are never given again, so a chunk that is found under a key is the one that was meant.
    database.createObjectStore('chunks', { autoIncrement: true });
  }
}
