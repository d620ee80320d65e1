/**
 * Where the files of the workers lie, and the worker that has a store open.
 *
 * @module
 */

/** Where the files of the workers lie, where a bundler did not arrange it. */
export interface WorkerFiles {
  /** Where `worker.js` lies. @defaultValue beside this module, as bundlers arrange it */
  readonly workerUrl?: string | URL;
  /** Where `backup-worker.js` lies: for exports, imports and deletions. @defaultValue as `worker.js` */
  readonly backupWorkerUrl?: string | URL;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the worker */
  readonly wasmUrl?: string | URL;
}

/** Starts a worker. A script that does not load is told of by its `error` event. */
export function startWorker({ workerUrl }: WorkerFiles): Worker {
  // The literal is what every bundler looks for; it must not become a variable.
  return workerUrl === undefined
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    : new Worker(workerUrl, { type: 'module' });
}

/** The address of the wasm as a worker elsewhere understands it. */
export function wasmHref({ wasmUrl }: WorkerFiles): string | undefined {
  return wasmUrl === undefined ? undefined : new URL(wasmUrl, location.href).href;
}
