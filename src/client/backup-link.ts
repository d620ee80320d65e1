import type { BackupHost } from '../host/protocol/backup-host.js';
import { WorkerFailedError } from '../host/protocol/client-errors.js';
import { startBackupWorker } from './start-backup-worker.js';
import type { WorkerFiles } from './start-worker.js';
import { WorkerLink } from './worker-link.js';

// For the script to load; from then on the work may take as long as the store is large.
const START_TIMEOUT_MS = 60_000;

/** A link to a backup worker of its own. */
export function startBackupLink(files: WorkerFiles): WorkerLink<BackupHost> {
  return new WorkerLink<BackupHost>(startBackupWorker(files));
}

/**
 * Waits until the worker runs. From then on its death ends the link at once.
 *
 * @throws WorkerFailedError (`WORKER_FAILED`) when it does not load, or not in time
 */
export async function whenStarted(link: WorkerLink<BackupHost>): Promise<void> {
  const callOff = link.endAfter({
    timeoutMs: START_TIMEOUT_MS,
    tooLate: () => new WorkerFailedError(`The worker did not start within ${START_TIMEOUT_MS} ms.`),
  });
  try {
    await link.watch();
  } finally {
    callOff();
  }
}
