/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The way in for applications in a browser.
 *
 * @module
 */
import { proxy } from 'comlink';
import { StorageLostError } from '../persistence/errors.js';
import type { OpenProgress } from '../persistence/journal/open-progress.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import { checkedMs, validateDurability } from '../persistence/validation.js';
import type { FollowOptions, Subscription } from '../persistence/subscription.js';
import { pageWakeSources } from '../origin/wake-sources.js';
import { systemClock } from '../util/clock.js';
import { guarded, Listeners } from '../util/listeners.js';
import { StoreClosedError, WorkerFailedError } from '../host/protocol/client-errors.js';
import { openExport } from './remote-export.js';
import { StoreRecorder } from './remote-recorder.js';
import type { DaybookRecorder } from '../host/protocol/daybook-recorder.js';
import type { BacklogLimits, HostOpening, RestoredStore } from '../host/protocol/store-host.js';
import { startWorker, wasmHref } from './start-worker.js';
import type { WorkerFiles } from './start-worker.js';
import { markedReplica, markStore, unmarkStore } from '../origin/store-marker.js';
import { validateStoreName } from '../host/protocol/store-name.js';
import { StoreStorage } from './store-storage.js';
import type { DaybookStorage } from './store-storage.js';
import { WorkerLink } from './worker-link.js';
import { throwIfAborted } from '../persistence/heed-signal.js';

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
  /** How much may be on this device only: where it is much, and where recording is refused. @defaultValue any number */
  readonly backlog?: BacklogLimits;
  /** Stops the opening when it is aborted. Of no meaning afterwards: an open store is closed by `close`. */
  readonly signal?: AbortSignal;
  /** Told how far the opening is: a few times a second at most, and at least once. */
  readonly onProgress?: (progress: OpenProgress) => void;
}

/** An open store. Every tab may have one with the same name: they are one database. */
export interface Daybook extends AsyncDisposable {
  readonly name: string;
  /** Identifies this store in this browser profile, for ever: a random UUID. */
  readonly replicaId: string;
  /**
   * What this opening has brought back of a store that the browser had lost: everything that no server had confirmed, or
   * the opening would have been rejected (`STORAGE_LOST`). What was confirmed comes back by synchronisation. `undefined`
   * where nothing was lost, and where an opening before this one has said it.
   *
   * Where the copy could not be read at the opening, it is tried again while the store is synchronised: then this is set
   * later, and whoever listens by {@link Daybook.onRecorded} is told.
   */
  readonly restored: RestoredStore | undefined;
  /**
   * Records durably: a promise of it resolves when the events would survive a power cut. Its transactions take the
   * application's own tables along.
   */
  readonly recorder: DaybookRecorder;
  /**
   * Calls a listener soon after something was recorded, by this tab or another one.
   * Calls may be merged: read from where you stopped. Of a store that is closed there is nothing to tell.
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
  /**
   * Reads the application's own tables, and those of the events, with SQL: what is committed, in any tab that this one has
   * heard of. Parameters are `$1`, `$2` … or `?`. Whatever writes is refused: that is what `recorder.transaction` is for.
   *
   * Integers beyond 2^53 come rounded, and a text ends at its first zero: read them as texts or blobs, with `CAST`.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the statement would write
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) or OperationalError (`OPERATIONAL_ERROR`) when SQLite does not take it
   */
  readonly query: SqlQueryable['query'];
  /** How much there is, what is not synced, and whether the browser may take it away. */
  readonly storage: DaybookStorage;
  /** Waits for what is in flight, then stops the worker. Later calls reject with `StoreClosedError`. Closing twice is fine. */
  close(): Promise<void>;
}

/**
 * Opens a store, and creates it where there is none.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the browser gives no durable storage (a sandboxed frame,
 *   refused site data), the wasm does not load, or the content security policy allows no WebAssembly
 * @throws WorkerFailedError (`WORKER_FAILED`) when the worker's script does not load, with why in its message and in
 *   `details.reason`; when it is of another release than the page; or when it does not answer in time
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when stored data is damaged; it is left as it is
 * @throws StorageLostError (`STORAGE_LOST`) when the browser has lost the store that was there; once. Of a store that was
 *   synchronised, the next opening has what could be brought back: `details` say how much that is (`restoredUnits`), and
 *   which units are missing (`missingUnits`, the ids of the first hundred, with commas; `missingUnitsTotal`,
 *   `missingEvents`; `isExact`). Of another one it begins an empty store
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote the store
 * @throws ImportIncompleteError (`IMPORT_INCOMPLETE`) when an import into it was begun and not finished
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
  const { name, openTimeoutMs = OPEN_TIMEOUT_MS_DEFAULT, durability, backlog, signal, onProgress } = options;
  validateStoreName(name);
  validateDurability(durability);
  checkedMs('openTimeoutMs', openTimeoutMs);
  throwIfAborted(signal);
  // From before it is opened, so that of several tabs that open at once each learns of a loss.
  const expected = { replicaId: markedReplica(name), startedAtMs: systemClock.nowMs() };
  const link = new WorkerLink(startWorker(options));
  const callOff = link.endAfter({
    timeoutMs: openTimeoutMs,
    tooLate: () => new WorkerFailedError(`The store "${name}" did not open within ${openTimeoutMs} ms.`),
    signal,
  });
  try {
    const progress = onProgress === undefined ? undefined : proxy(guarded(onProgress));
    // Sent together, so that opening waits for no answer; the worker takes them in this order.
    const [, opening] = await Promise.all([
      link.watch(),
      link.call((host) => host.open({ name, wasmUrl: wasmHref(options), durability, backlog, expected }, progress)),
    ]);
    markStore(name, opening.identity.replicaId);
    const recorded = new Listeners();
    const store = new OpenStore(options, opening, link, recorded);
    const onRecorded = (restored?: RestoredStore): void => {
      store.restored ??= restored;
      recorded.tell();
    };
    await link.call((host) => host.onRecorded(proxy(onRecorded)));
    return store;
  } catch (error) {
    link.end(error as Error);
    // It was said; the next opening begins anew.
    if (error instanceof StorageLostError && markedReplica(name) === expected.replicaId) unmarkStore(name);
    throw error;
  } finally {
    callOff();
  }
}

class OpenStore implements Daybook {
  readonly name: string;
  readonly replicaId: string;
  /** Set once more where it came back late. */
  restored: RestoredStore | undefined;
  readonly recorder: DaybookRecorder;
  readonly query: SqlQueryable['query'];
  readonly storage: DaybookStorage;
  readonly #link: WorkerLink;
  readonly #recorded: Listeners;
  #closing: Promise<void> | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: OpenDaybookOptions, { identity, restored }: HostOpening, link: WorkerLink, recorded: Listeners) {
    const { name } = options;
    this.name = name;
    this.replicaId = identity.replicaId;
    this.restored = restored;
    this.recorder = new StoreRecorder(link, recorded);
    this.query = (text, values) => this.recorder.query(text, values);
    this.storage = new StoreStorage({
      readReport: () => link.call((host) => host.report()),
      eraseDeleted: () => link.call((host) => host.eraseDeleted()),
      openExport: (format, onProgress) =>
        openExport({ store: link, files: options, name, identity, format, onProgress }),
      assertOpen: () => link.call(() => Promise.resolve()),
      // Absent in insecure contexts and in some browsers, whatever the types say.
      manager: navigator.storage,
    });
    this.#link = link;
    this.#recorded = recorded;
    // A tab that was frozen, or kept for the way back, may have missed a message of another tab; and a tab that was
    // killed right after its commit never sent one. So the journal is looked at when a person comes back to this one.
    const stopLooking = pageWakeSources.onWake(() => {
      void link.call((host) => host.refresh()).catch(() => undefined);
    });
    link.onRefused(stopLooking);
  }

  onRecorded(listener: () => void): () => void {
    return this.recorder.onRecorded(listener);
  }

  subscribe(options?: FollowOptions): Subscription {
    return this.recorder.subscribe(options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const closed = new StoreClosedError('The store is closed. Open it again to use it.');
    // A worker that is gone, or fails to close, is stopped below all the same.
    const closing = this.#link.call((host) => host.close()).catch(() => undefined);
    // From here on, so that a call made meanwhile learns the same as one that is made afterwards.
    this.#link.refuse(closed);
    await closing;
    this.#link.end(closed);
    this.#recorded.clear();
  }
}
