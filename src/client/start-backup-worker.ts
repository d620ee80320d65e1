import type { WorkerFiles } from './start-worker.js';

/** Starts the worker for exports, imports and deletions. A script that does not load is told of by its `error` event. */
export function startBackupWorker({ backupWorkerUrl }: WorkerFiles): Worker {
  // The literal is what every bundler looks for; it must not become a variable.
  return backupWorkerUrl === undefined
    ? new Worker(new URL('./backup-worker.js', import.meta.url), { type: 'module' })
    : new Worker(backupWorkerUrl, { type: 'module' });
}
