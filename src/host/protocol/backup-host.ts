/**
 * What the backup worker offers to the main thread: one piece of work, after which it is stopped.
 *
 * @module
 */
import type { ProxyMarked } from 'comlink';
import type { ImportProgress, OnOpenProgress } from '../../persistence/journal/open-progress.js';
import type { ImportAs, ImportResult } from '../../persistence/indexeddb/store-import.js';
import type { StoreIdentity } from '../../persistence/journal/store-identity.js';
import type { ByteSource, CancellableByteSource } from './byte-source.js';
import type { WorkerHost } from './worker-host.js';

/** What a store is exported as: a file that can be imported, or a SQLite file. */
export type ExportFormat = 'daybook' | 'sqlite';

/** Which store it is about, and what is needed to read it. */
export interface HostBackupOptions {
  readonly name: string;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the worker's script */
  readonly wasmUrl: string | undefined;
}

/** Options that the worker needs to export a store. */
export interface HostExportOptions extends HostBackupOptions {
  readonly format: ExportFormat;
  /** Who the store is: another one that has come to its place is not exported. */
  readonly identity: StoreIdentity;
}

/** Options that the worker needs to import a file. */
export interface HostImportOptions extends HostBackupOptions {
  readonly as: ImportAs;
  /** Bytes of the file, where that is known. */
  readonly totalBytes: number | undefined;
}

/** Options that the worker needs to delete a store. */
export interface HostDeleteOptions extends HostBackupOptions {
  /** Whether to delete it unread. */
  readonly evenIfUnsynced: boolean;
  /** Milliseconds to wait for those who have it open. */
  readonly timeoutMs: number;
}

/** The backup worker's side of the conversation. */
export interface BackupHost extends WorkerHost {
  /**
   * Begins an export of a store that exists, with everything that was acknowledged before the first part is asked for.
   *
   * @param onProgress - a Comlink proxy, as the others are
   */
  export(options: HostExportOptions, onProgress?: OnOpenProgress): Promise<CancellableByteSource & ProxyMarked>;
  /** Makes a store of a file. The source is a Comlink proxy. */
  import(
    options: HostImportOptions,
    source: ByteSource,
    onProgress?: (progress: ImportProgress) => void,
  ): Promise<ImportResult>;
  delete(options: HostDeleteOptions): Promise<void>;
}
