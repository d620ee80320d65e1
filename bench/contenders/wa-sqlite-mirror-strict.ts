/**
 * IDBMirrorVFS under the promise that the others make.
 *
 * @module
 */
import { IDBMirrorVFS } from '@livestore/wa-sqlite/src/examples/IDBMirrorVFS.js';
import { hostJobs } from '../runner/job-host.js';
import { WaSqliteStore } from './wa-sqlite/wa-sqlite-store.js';

// The file system names no durability for its transactions, even with synchronous = FULL, and the browser's default is
// relaxed. Without this the contender would promise less than it is compared with.
const { transaction } = IDBDatabase.prototype;
IDBDatabase.prototype.transaction = function (storeNames, mode, options): IDBTransaction {
  return transaction.call(this, storeNames, mode, { durability: 'strict', ...options });
};

hostJobs(new WaSqliteStore(IDBMirrorVFS));
