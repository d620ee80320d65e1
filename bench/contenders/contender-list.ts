/**
 * Who takes part, and what each promises.
 *
 * @module
 */
import type { ContenderInfo } from '../runner/contender.js';

const POWER_CUT = 'survives a power cut (IndexedDB, strict)';

export const DAYBOOK_WORKER: ContenderInfo = {
  id: 'daybook-worker',
  label: 'Daybook, in the worker',
  promises: `${POWER_CUT}; positions unique, ids in order, SQL to read; several tabs`,
  place: 'worker',
};

export const DAYBOOK_PAGE: ContenderInfo = {
  id: 'daybook-page',
  label: 'Daybook, from the main thread',
  promises: 'the same, the whole way through the built package',
  place: 'page',
};

export const DAYBOOK_APPLICATION: ContenderInfo = {
  id: 'daybook-application',
  label: 'an application on Daybook, on the main thread',
  promises: 'the same, and each command with its commit where it is kept',
  place: 'page',
};

export const DAYBOOK_STATES: ContenderInfo = {
  id: 'daybook-states',
  label: 'states in Daybook, in the worker',
  promises: 'the same, and documents that are found by an index',
  place: 'worker',
};

export const RAW_INDEXEDDB: ContenderInfo = {
  id: 'raw-indexeddb',
  label: 'raw IndexedDB, one add per event',
  promises: `${POWER_CUT}; ids in order; nothing unique, no index, no SQL`,
  place: 'worker',
};

export const SQLJS_EXPORT: ContenderInfo = {
  id: 'sqljs-export',
  label: 'sql.js, export() per commit',
  promises: `${POWER_CUT}; positions unique, ids in order, SQL; a second tab overwrites the first`,
  place: 'worker',
};

export const WA_SQLITE_MIRROR_STRICT: ContenderInfo = {
  id: 'wa-sqlite-mirror-strict',
  label: 'wa-sqlite IDBMirrorVFS (JSPI), strict',
  promises: `${POWER_CUT}, forced from outside; positions unique, ids in order, SQL; several tabs`,
  place: 'worker',
};

export const WA_SQLITE_MIRROR: ContenderInfo = {
  id: 'wa-sqlite-mirror',
  label: 'wa-sqlite IDBMirrorVFS (JSPI), as it comes',
  promises: 'survives a crash of the browser, not a power cut (IndexedDB, relaxed); else the same',
  place: 'worker',
};

export const WA_SQLITE_BATCH_ATOMIC: ContenderInfo = {
  id: 'wa-sqlite-batch-atomic',
  label: 'wa-sqlite IDBBatchAtomicVFS (JSPI)',
  promises: `${POWER_CUT}; positions unique, ids in order, SQL; several tabs`,
  place: 'worker',
};

export const DEXIE: ContenderInfo = {
  id: 'dexie-strict',
  label: 'Dexie, strict',
  promises: `${POWER_CUT}, by its option; positions unique, ids in order, no SQL; several tabs`,
  place: 'worker',
};

export const PGLITE: ContenderInfo = {
  id: 'pglite-idb',
  label: 'PGlite in IndexedDB',
  promises:
    'survives a crash of the browser, not a power cut (IndexedDB, relaxed: it names no durability); positions unique, ids in order, SQL; a second tab overwrites the first',
  place: 'worker',
};

export const INDEXED_INDEXEDDB: ContenderInfo = {
  id: 'indexed-indexeddb',
  label: 'IndexedDB with an index',
  promises: `${POWER_CUT}; positions unique, ids in order, no SQL; several tabs`,
  place: 'worker',
};

export const SQLITE_OPFS: ContenderInfo = {
  id: 'sqlite-opfs',
  label: 'SQLite Wasm on OPFS (SAH pool, WAL, FULL)',
  promises:
    'survives a power cut (flushed to a file at every commit); positions unique, ids in order, SQL; one tab only',
  place: 'worker',
};

export const LIVESTORE: ContenderInfo = {
  id: 'livestore',
  label: 'LiveStore, until settled, from the main thread',
  promises:
    'survives a power cut (two files, state and then log, each flushed at every commit); positions unique, ids in order, SQL; several tabs',
  place: 'page',
};

/** Every contender that runs in a browser. */
export const CONTENDERS: readonly ContenderInfo[] = [
  DAYBOOK_WORKER,
  DAYBOOK_PAGE,
  DAYBOOK_APPLICATION,
  DAYBOOK_STATES,
  RAW_INDEXEDDB,
  SQLJS_EXPORT,
  WA_SQLITE_MIRROR_STRICT,
  WA_SQLITE_MIRROR,
  WA_SQLITE_BATCH_ATOMIC,
  DEXIE,
  PGLITE,
  INDEXED_INDEXEDDB,
  SQLITE_OPFS,
  LIVESTORE,
];
