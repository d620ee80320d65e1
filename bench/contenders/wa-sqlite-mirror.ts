/**
 * IDBMirrorVFS as it comes.
 *
 * @module
 */
import { hostJobs } from '../runner/job-host.js';
import { WaSqliteIdbMirror } from './wa-sqlite/wa-sqlite-idb-mirror.js';

hostJobs(new WaSqliteIdbMirror());
