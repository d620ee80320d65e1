/**
 * What a store says of its storage: how much there is, how far it is, and whether the browser may take it away.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import type { OnOpenProgress, OpenProgress } from '../persistence/journal/open-progress.js';
import type { ExportFormat } from '../host/protocol/backup-host.js';
import { streamOf } from '../host/protocol/byte-source.js';
import type { CancellableByteSource } from '../host/protocol/byte-source.js';
import type { HostReport } from '../host/protocol/store-host.js';

/** A store's state and its place in the browser, at one moment. */
export interface StorageReport extends HostReport {
  /**
   * Bytes that everything of this origin takes, as the browser estimates: this store, others, caches. `undefined` where
   * the browser does not say.
   */
  readonly originUsageBytes: number | undefined;
  /** Bytes that this origin may take. `undefined` where the browser does not say. */
  readonly originQuotaBytes: number | undefined;
  /**
   * Whether the browser keeps this origin's data until a person deletes it. `false`: it may evict everything when space
   * is short, acknowledged or not. `undefined` where the browser does not say.
   */
  readonly isPersisted: boolean | undefined;
}

/** The storage of an open store. */
export interface DaybookStorage {
  /**
   * Looks at the store, and asks the browser. Costs about as much as a read of one event.
   *
   * @throws as every call on the store
   */
  report(): Promise<StorageReport>;
  /**
   * Asks the browser to keep this origin's data until a person deletes it. Never asked by itself, because a browser may
   * show a question (Firefox does, and the promise waits for the answer); others decide by how the site is used.
   *
   * @returns whether the data is kept now; `undefined` where the browser has no such promise to give
   * @throws as every call on the store, when that is closed
   */
  persist(): Promise<boolean | undefined>;
  /**
   * Has what was deleted leave this browser's storage, now: rows of own tables that were changed or dropped, keys that were
   * destroyed, units that were given up. Without it they go when two checkpoints more are written, which a store that little is
   * recorded in may wait long for. Afterwards they are in no value of IndexedDB and in no file of this tab beside it; what other
   * tabs have in their files beside it (`rescue`) leaves when they write next, see `docs/encryption.md` for what those have. What the
   * browser's own files beneath have, and the device's disk, nobody can say here.
   *
   * Writes the store's image twice, as far as it has changed. Commits go on meanwhile.
   *
   * @throws StoreInUseError (`STORE_IN_USE`) when an export is read all the time, or another tab is at it and frozen; after
   *   half a minute
   * @throws as a commit, when storage fails; then some of it may be there still, and nothing else has changed
   */
  eraseDeleted(): Promise<void>;
  /**
   * Writes the whole store as one file: as it is when reading begins, whatever is recorded meanwhile, by any tab. Nothing
   * is read ahead, so a slow reader holds nothing in memory; but no checkpoint is written until the stream is at its end
   * or cancelled. `new Response(stream).blob()` makes a blob for a download.
   *
   * The work is done by a worker of its own (`backupWorkerUrl`), which is stopped in the end.
   *
   * The stream fails with `CorruptJournalError` when stored data is damaged, as every call fails when the store is
   * closed, with `WorkerFailedError` when that worker does not load, and with `OperationalError` when it is not read for five minutes.
   */
  export(options?: ExportOptions): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Options of {@link DaybookStorage.export}. */
export interface ExportOptions {
  /**
   * `daybook`: everything, with checksums, for `importDaybook`. `sqlite`: a file that every SQLite opens, with the
   * tables `stored_events` and `tracking`, and the application's own; made in memory at once, as large as the store.
   *
   * @defaultValue `daybook`
   */
  readonly format?: ExportFormat;
  /** Ends the stream with its reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: OpenProgress) => void;
}

/** What it needs. */
export interface StoreStorageOptions {
  /** Asks the store. */
  readonly readReport: () => Promise<HostReport>;
  /** As the storage's. */
  readonly eraseDeleted: () => Promise<void>;
  /** Begins an export. */
  readonly openExport: (format: ExportFormat, onProgress?: OnOpenProgress) => Promise<CancellableByteSource>;
  /** Rejects when the store is closed. */
  readonly assertOpen: () => Promise<void>;
  /** The browser's, where it has one. */
  readonly manager: Partial<StorageManager> | undefined;
}

/** Implements {@link DaybookStorage} with what the browser has of `navigator.storage`. */
export class StoreStorage implements DaybookStorage {
  readonly #options: StoreStorageOptions;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: StoreStorageOptions) {
    this.#options = options;
  }

  async report(): Promise<StorageReport> {
    const { manager, readReport } = this.#options;
    const [host, estimate, isPersisted] = await Promise.all([
      readReport(),
      orNothing(manager?.estimate?.()),
      orNothing(manager?.persisted?.()),
    ]);
    return { ...host, originUsageBytes: estimate?.usage, originQuotaBytes: estimate?.quota, isPersisted };
  }

  async eraseDeleted(): Promise<void> {
    await this.#options.eraseDeleted();
  }

  export({ format = 'daybook', signal, onProgress }: ExportOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    validateFormat(format);
    return streamOf(() => this.#options.openExport(format, onProgress), signal);
  }

  async persist(): Promise<boolean | undefined> {
    await this.#options.assertOpen();
    return orNothing(this.#options.manager?.persist?.());
  }
}

function validateFormat(format: unknown): void {
  if (format === 'daybook' || format === 'sqlite') return;
  throw new ProgrammingError('A store is exported as "daybook" or as "sqlite".');
}

/** A browser that fails to say something says nothing: it does in frames without an origin, for example. */
async function orNothing<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
  return answer?.catch(() => undefined);
}
