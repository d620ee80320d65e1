/**
 * IDBMirrorVFS as it comes: all pages in memory, each changed page written to IndexedDB at every commit.
 *
 * @module
 */
import { IDBMirrorVFS } from '@livestore/wa-sqlite/src/examples/IDBMirrorVFS.js';
import { hostJobs } from '../runner/job-host.js';
import { WaSqliteStore } from './wa-sqlite/wa-sqlite-store.js';

hostJobs(new WaSqliteStore(IDBMirrorVFS));
