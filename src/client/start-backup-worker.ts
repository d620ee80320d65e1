import type { WorkerFiles } from './start-worker.js';
import { startScript } from './worker-script.js';
import type { StartedWorker } from './worker-script.js';

/** Starts the worker for exports, imports and deletions, as `startWorker`. */
export function startBackupWorker({ backupWorkerUrl }: WorkerFiles): StartedWorker {
  return startScript({
    ...{ file: 'backup-worker.js', option: 'backupWorkerUrl', url: backupWorkerUrl },
    // The literal is what every bundler looks for; it must not become a variable.
    startBundled: () => new Worker(new URL('./backup-worker.js', import.meta.url), { type: 'module' }),
  });
}
