/**
 * IDBBatchAtomicVFS: pages read from IndexedDB as they are needed, and written to it without a journal.
 *
 * With `synchronous = FULL` it asks for strict transactions by itself, wherever a commit depends on one, so nothing is
 * forced from outside here, as it must be for IDBMirrorVFS. To force the others too, which are readings, would slow it
 * down: it goes on with a transaction only where that has the durability it asked for.
 *
 * @module
 */
import { IDBBatchAtomicVFS } from '@livestore/wa-sqlite/src/examples/IDBBatchAtomicVFS.js';
import { hostJobs } from '../runner/job-host.js';
import { WaSqliteStore } from './wa-sqlite/wa-sqlite-store.js';

// Room for every page, as IDBMirrorVFS has it: SQLite's own 2 MB would make it read most pages of a pass again.
const CACHE_SQL = 'PRAGMA cache_size = -65536';

hostJobs(new WaSqliteStore(IDBBatchAtomicVFS, [CACHE_SQL]));
