/**
 * An export of an open store, made by the backup worker while the store goes on.
 *
 * @module
 */
import { proxy } from 'comlink';
import type { OnOpenProgress } from '../persistence/journal/open-progress.js';
import type { HostExportOptions } from '../host/protocol/backup-host.js';
import { startBackupLink, whenStarted } from './backup-link.js';
import { guarded } from '../util/listeners.js';
import type { CancellableByteSource } from '../host/protocol/byte-source.js';
import { WorkerFailedError } from '../host/protocol/client-errors.js';
import type { WorkerFiles } from './start-worker.js';
import { wasmHref } from './start-worker.js';
import type { WorkerLink } from './worker-link.js';

/** What it needs. */
export interface RemoteExportOptions extends Omit<HostExportOptions, 'wasmUrl'> {
  /** The link of the open store: the export ends with it. */
  readonly store: WorkerLink;
  readonly files: WorkerFiles;
  readonly onProgress: OnOpenProgress | undefined;
}

/** Begins an export. Its worker is stopped when it is at its end, fails, or is cancelled. */
export async function openExport(options: RemoteExportOptions): Promise<CancellableByteSource> {
  const { store, files, onProgress, name, identity, format } = options;
  if (store.refusal !== undefined) throw store.refusal;
  const link = startBackupLink(files);
  const stopListening = store.onRefused((error) => link.end(error));
  const stop = (): void => {
    stopListening();
    link.end(new WorkerFailedError('The worker was stopped.'));
  };
  const orStop = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      stop();
      throw error;
    }
  };
  await orStop(whenStarted(link));
  const progress = onProgress === undefined ? undefined : proxy(guarded(onProgress));
  const source = await orStop(
    link.call((host) => host.export({ name, identity, format, wasmUrl: wasmHref(files) }, progress)),
  );
  return {
    async next() {
      const bytes = await orStop(link.call(() => source.next()));
      if (bytes === undefined) stop();
      return bytes;
    },
    // Not stopped at once: WebKit would keep a connection that a worker leaves in the middle of a transaction.
    cancel: () => link.call(() => source.cancel()).finally(stop),
  };
}
