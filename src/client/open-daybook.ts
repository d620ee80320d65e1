/**
 * The way in for applications in a browser.
 *
 * @module
 */
import { proxy } from 'comlink';
import { ProgrammingError } from '../persistence/errors.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import { StoreClosedError, WorkerFailedError } from './client-errors.js';
import { RemoteRecorder } from './remote-recorder.js';
import { WorkerLink } from './worker-link.js';

// Long enough for a slow phone to load the wasm and a large journal; a worker that cannot load fails at once.
const OPEN_TIMEOUT_MS_DEFAULT = 60_000;
const NAME_LENGTH_MAX = 200;

/** Options of {@link openDaybook}. */
export interface OpenDaybookOptions {
  /** Name of the store within this origin, 1 to 200 characters. Put the user into it, so that users of one browser never share a store. */
  readonly name: string;
  /** Where `worker.js` lies. @defaultValue beside this module, as bundlers arrange it */
  readonly workerUrl?: string | URL;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the worker */
  readonly wasmUrl?: string | URL;
  /** How long to wait for the store to open, in milliseconds. @defaultValue 60 000 */
  readonly openTimeoutMs?: number;
}

/** An open store. Every tab may have one with the same name: they are one database. */
export interface Daybook extends AsyncDisposable {
  readonly name: string;
  /** Identifies this store in this browser profile, for ever: a random UUID. */
  readonly replicaId: string;
  /** Records durably: a promise of it resolves when the events would survive a power cut. */
  readonly recorder: ProcessRecorder;
  /**
   * Calls a listener soon after something was recorded, by this tab or another one.
   * Calls may be merged: read from where you stopped.
   *
   * @returns stops the calls
   */
  onRecorded(listener: () => void): () => void;
  /** Waits for what is in flight, then stops the worker. Later calls reject with `StoreClosedError`. Closing twice is fine. */
  close(): Promise<void>;
}

/**
 * Opens a store, and creates it where there is none.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the browser gives no durable storage, or the wasm does not load
 * @throws WorkerFailedError (`WORKER_FAILED`) when the worker's script does not load, or does not answer in time
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when stored data is damaged; it is left as it is
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote the store
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is wrong
 *
 * @example
 * ```ts
 * await using daybook = await openDaybook({ name: 'stock-count' });
 * await daybook.recorder.insertEvents([
 *   { originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'Counted', state: new TextEncoder().encode('12') },
 * ]);
 * ```
 */
export async function openDaybook(options: OpenDaybookOptions): Promise<Daybook> {
  const { name, openTimeoutMs = OPEN_TIMEOUT_MS_DEFAULT } = options;
  if (typeof name !== 'string' || name.length === 0 || name.length > NAME_LENGTH_MAX) {
    throw new ProgrammingError(`The name of a store has 1 to ${NAME_LENGTH_MAX} characters.`);
  }
  const link = new WorkerLink(startWorker(options.workerUrl));
  const timer = setTimeout(() => {
    link.end(new WorkerFailedError(`The store "${name}" did not open within ${openTimeoutMs} ms.`));
  }, openTimeoutMs);
  try {
    const aliveLockName = `daybook:alive:${crypto.randomUUID()}`;
    const wasmUrl = options.wasmUrl === undefined ? undefined : new URL(options.wasmUrl, location.href).href;
    const info = await link.call((host) => host.open({ name, wasmUrl, aliveLockName }));
    if (info.holdsAliveLock) link.watchAliveLock(aliveLockName);
    const daybook = new OpenStore(name, info.replicaId, link);
    await link.call((host) => host.onRecorded(proxy(() => daybook.emitRecorded())));
    return daybook;
  } catch (error) {
    link.end(error as Error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function startWorker(workerUrl: string | URL | undefined): Worker {
  // The literal is what every bundler looks for; it must not become a variable.
  return workerUrl === undefined
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    : new Worker(workerUrl, { type: 'module' });
}

class OpenStore implements Daybook {
  readonly name: string;
  readonly replicaId: string;
  readonly recorder: ProcessRecorder;
  readonly #link: WorkerLink;
  readonly #listeners = new Set<() => void>();
  #closing: Promise<void> | undefined;

  constructor(name: string, replicaId: string, link: WorkerLink) {
    this.name = name;
    this.replicaId = replicaId;
    this.recorder = new RemoteRecorder(link);
    this.#link = link;
  }

  onRecorded(listener: () => void): () => void {
    // A wrapper of its own, so that the same function may listen twice.
    const entry = (): void => {
      listener();
    };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  emitRecorded(): void {
    for (const listener of this.#listeners) listener();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    // A worker that is gone, or fails to close, is stopped below all the same.
    await this.#link.call((host) => host.close()).catch(() => undefined);
    this.#link.end(new StoreClosedError('The store is closed. Open it again to use it.'));
    this.#listeners.clear();
  }
}
