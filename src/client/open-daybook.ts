/**
 * The way in for applications in a browser.
 *
 * @module
 */
import { proxy } from 'comlink';
import { ProgrammingError } from '../persistence/errors.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import { follow } from '../persistence/subscription.js';
import type { FollowOptions, Subscription } from '../persistence/subscription.js';
import { pageWakeSources } from '../sync/wake-sources.js';
import { StoreClosedError, WorkerFailedError } from './client-errors.js';
import { RemoteRecorder } from './remote-recorder.js';
import { startWorker, wasmHref } from './start-worker.js';
import type { WorkerFiles } from './start-worker.js';
import { validateStoreName } from './store-name.js';
import { StoreStorage } from './store-storage.js';
import type { DaybookStorage } from './store-storage.js';
import { WorkerLink } from './worker-link.js';

// Long enough for a slow phone to load the wasm and a large journal; a worker that cannot load fails at once.
const OPEN_TIMEOUT_MS_DEFAULT = 60_000;

/** Options of {@link openDaybook}. */
export interface OpenDaybookOptions extends WorkerFiles {
  /** Name of the store within this origin, 1 to 200 characters. Put the user into it, so that users of one browser never share a store. */
  readonly name: string;
  /** How long to wait for the store to open, in milliseconds. @defaultValue 60 000 */
  readonly openTimeoutMs?: number;
  /**
   * What an acknowledged commit survives. `strict`: the end of the tab, a crash of the browser, and a power cut, as far as
   * the device keeps its word. `relaxed`: the end of the tab and a crash of the browser; the last commits before a power
   * cut or a crash of the system may be missing, whole and from the end on. Faster where the disk is slow. Tabs may differ.
   *
   * @defaultValue `strict`
   */
  readonly durability?: 'strict' | 'relaxed';
  /** Stops the opening when it is aborted. Of no meaning afterwards: an open store is closed by `close`. */
  readonly signal?: AbortSignal;
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
  /**
   * Follows the store: the notifications that there are, then those that any tab records, each once and in order.
   * Reads a page when the one before is used up, so a slow consumer holds nothing up; polls nothing.
   *
   * Ends when it is told to, by `return`, `break` or the signal; and with the error of the store when that is closed
   * (`StoreClosedError`), its worker dies (`WorkerDiedError`), or a read fails. What was read before is given first.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   */
  subscribe(options?: FollowOptions): Subscription;
  /** How much there is, what is not synced, and whether the browser may take it away. */
  readonly storage: DaybookStorage;
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
 * @throws the signal's reason when it is aborted before the store is open; the worker is stopped then
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
  const { name, openTimeoutMs = OPEN_TIMEOUT_MS_DEFAULT, durability, signal } = options;
  validateStoreName(name);
  validateDurability(durability);
  signal?.throwIfAborted();
  const link = new WorkerLink(startWorker(options));
  const callOff = link.endAfter({
    timeoutMs: openTimeoutMs,
    tooLate: () => new WorkerFailedError(`The store "${name}" did not open within ${openTimeoutMs} ms.`),
    signal,
  });
  try {
    const aliveLockName = `daybook:alive:${crypto.randomUUID()}`;
    const info = await link.call((host) => host.open({ name, wasmUrl: wasmHref(options), durability, aliveLockName }));
    if (info.holdsAliveLock) link.watchAliveLock(aliveLockName);
    const daybook = new OpenStore(name, info.replicaId, link);
    await link.call((host) => host.onRecorded(proxy(() => daybook.emitRecorded())));
    return daybook;
  } catch (error) {
    link.end(error as Error);
    throw error;
  } finally {
    callOff();
  }
}

function validateDurability(durability: unknown): void {
  if (durability === undefined || durability === 'strict' || durability === 'relaxed') return;
  throw new ProgrammingError('The durability of a store is "strict" or "relaxed".');
}

class OpenStore implements Daybook {
  readonly name: string;
  readonly replicaId: string;
  readonly recorder: ProcessRecorder;
  readonly storage: DaybookStorage;
  readonly #link: WorkerLink;
  readonly #listeners = new Set<() => void>();
  #closing: Promise<void> | undefined;

  constructor(name: string, replicaId: string, link: WorkerLink) {
    this.name = name;
    this.replicaId = replicaId;
    this.recorder = new RemoteRecorder(link);
    this.storage = new StoreStorage({
      readReport: () => link.call((host) => host.report()),
      // Absent in insecure contexts and in some browsers, whatever the types say.
      manager: navigator.storage,
    });
    this.#link = link;
    // A tab that was frozen, or kept for the way back, may have missed a message of another tab; and a tab that was
    // killed right after its commit never sent one. So the journal is looked at when a person comes back to this one.
    const stopLooking = pageWakeSources.onWake(() => {
      void link.call((host) => host.refresh()).catch(() => undefined);
    });
    link.onRefused(stopLooking);
  }

  onRecorded(listener: () => void): () => void {
    // A wrapper of its own, so that the same function may listen twice.
    const entry = (): void => {
      listener();
    };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  subscribe(options: FollowOptions = {}): Subscription {
    return follow(this.recorder, (listener) => this.#onNews(listener), options);
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

  /** Tells of what was recorded, and of the store's end: a subscription at rest finds it by its next look. */
  #onNews(listener: () => void): () => void {
    const stops = [this.onRecorded(listener), this.#link.onRefused(listener)];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async #close(): Promise<void> {
    const closed = new StoreClosedError('The store is closed. Open it again to use it.');
    // A worker that is gone, or fails to close, is stopped below all the same.
    const closing = this.#link.call((host) => host.close()).catch(() => undefined);
    // From here on, so that a call made meanwhile learns the same as one that is made afterwards.
    this.#link.refuse(closed);
    await closing;
    this.#link.end(closed);
    this.#listeners.clear();
  }
}
