/**
 * The way back: makes a store of a file that was exported.
 *
 * @module
 */
import { proxy } from 'comlink';
import { ProgrammingError } from '../persistence/errors.js';
import type { ImportProgress } from '../persistence/journal/open-progress.js';
import type { ImportAs, ImportResult } from '../persistence/indexeddb/store-import.js';
import { startBackupLink, whenStarted } from './backup-link.js';
import { sourceOf } from '../host/protocol/byte-source.js';
import type { ByteSource } from '../host/protocol/byte-source.js';
import { WorkerFailedError } from '../host/protocol/client-errors.js';
import { onAbort } from '../util/on-abort.js';
import { guarded } from '../util/listeners.js';
import { wasmHref } from './start-worker.js';
import type { WorkerFiles } from './start-worker.js';
import { markStore } from '../origin/store-marker.js';
import { validateStoreName } from '../host/protocol/store-name.js';
import { throwIfAborted } from '../persistence/heed-signal.js';

/** Options of {@link importDaybook}. */
export interface ImportDaybookOptions extends WorkerFiles {
  /** Name of the store to make. There must be none of that name. */
  readonly name: string;
  /** A file as `daybook.storage.export()` gives it. Read to its end, or cancelled. */
  readonly from: Blob | ReadableStream<Uint8Array>;
  /**
   * Who the store is, for a server. `copy`: a store of its own, whatever becomes of the original; what a server had
   * confirmed is not pushed again. `original`: the store that was exported goes on here. Only if it is gone: of two that
   * push, the server refuses one.
   *
   * @defaultValue `copy`
   */
  readonly as?: ImportAs;
  /** Stops the import. What is stored by then waits for the same file. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ImportProgress) => void;
}

/**
 * Makes a store of a file. The store is there when the promise resolves, whole, and not before: a file that is refused
 * leaves nothing behind, and a store of that name is not touched.
 *
 * An import that was broken off, by its signal, a closed tab or a full disk, goes on where it stopped when it is begun
 * again with the same file. Until then `openDaybook` refuses that name with `ImportIncompleteError`; `deleteDaybook`
 * gives the import up.
 *
 * @returns who the store is, and how much is in it; open it with `openDaybook`
 * @throws ForeignFileError (`FOREIGN_FILE`) when the file is something else
 * @throws DamagedFileError (`DAMAGED_FILE`) when it is not whole, or not as it was written
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote it
 * @throws StoreExistsError (`STORE_EXISTS`) when there is a store of that name
 * @throws StoreInUseError (`STORE_IN_USE`) when another tab is importing into it
 * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails, as by `openDaybook`
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is wrong
 * @throws the signal's reason when it is aborted, the stream's own error when that fails
 *
 * @example
 * ```ts
 * const { events } = await importDaybook({ name: 'stock-count', from: input.files[0] });
 * await using daybook = await openDaybook({ name: 'stock-count' });
 * ```
 */
export async function importDaybook(options: ImportDaybookOptions): Promise<ImportResult> {
  const { name, from, as = 'copy', signal, onProgress } = options;
  validateStoreName(name);
  validateAs(as);
  throwIfAborted(signal);
  // First: a stream that is taken is read to its end, or cancelled.
  const link = startBackupLink(options);
  const isBlob = from instanceof Blob;
  const reader = (isBlob ? from.stream() : from).getReader();
  const callOff = onAbort(signal, () => link.end(signal?.reason as Error));
  const source = proxy(endingSource(sourceOf(reader), (error) => link.end(error)));
  const progress = onProgress === undefined ? undefined : proxy(guarded(onProgress));
  const totalBytes = isBlob ? from.size : undefined;
  try {
    await whenStarted(link);
    const result = await link.call((host) =>
      host.import({ name, wasmUrl: wasmHref(options), as, totalBytes }, source, progress),
    );
    markStore(name, result.replicaId);
    return result;
  } finally {
    callOff();
    link.end(new WorkerFailedError('The worker was stopped.'));
    // Nobody waits for a stream that does not want to end.
    void reader.cancel().catch(() => undefined);
  }
}

function validateAs(as: unknown): void {
  if (as === 'copy' || as === 'original') return;
  throw new ProgrammingError('A store is imported as "copy" or as "original".');
}

/** Tells of an error, which would reach the caller as the worker's otherwise. */
function endingSource(source: ByteSource, onError: (error: Error) => void): ByteSource {
  return {
    async next() {
      try {
        return await source.next();
      } catch (error) {
        onError(error as Error);
        throw error;
      }
    },
  };
}
