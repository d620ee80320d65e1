/**
 * Where the files of the workers lie, and the worker that has a store open.
 *
 * @module
 */
import { pageUrl, startScript } from './worker-script.js';
import type { StartedWorker } from './worker-script.js';

/** Where the files of the workers lie, where a bundler did not arrange it: at this origin, or at another that allows it (CORS). */
export interface WorkerFiles {
  /** Where `worker.js` lies. @defaultValue beside this module, as bundlers arrange it */
  readonly workerUrl?: string | URL;
  /** Where `backup-worker.js` lies: for exports, imports and deletions. @defaultValue as `worker.js` */
  readonly backupWorkerUrl?: string | URL;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the worker */
  readonly wasmUrl?: string | URL;
}

/**
 * Starts a worker.
 *
 * @throws WorkerFailedError (`WORKER_FAILED`) when there are no workers here
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the page has no origin
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is no address
 */
export function startWorker({ workerUrl }: WorkerFiles): StartedWorker {
  return startScript({
    ...{ file: 'worker.js', option: 'workerUrl', url: workerUrl },
    // The literal is what every bundler looks for; it must not become a variable.
    startBundled: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }),
  });
}

/**
 * The address of the wasm as a worker elsewhere understands it.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none
 */
export function wasmHref({ wasmUrl }: WorkerFiles): string | undefined {
  return wasmUrl === undefined ? undefined : pageUrl('wasmUrl', wasmUrl).href;
}
