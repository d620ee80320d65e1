/**
 * Wires exports, imports and deletions inside the backup worker. None of them needs the worker that has the store open.
 *
 * @module
 */
import { proxy } from 'comlink';
import type { ProxyMarked } from 'comlink';
import type { BackupHost, HostDeleteOptions, HostExportOptions, HostImportOptions } from './protocol/backup-host.js';
import type { ByteSource, CancellableByteSource } from './protocol/byte-source.js';
import { IndexedDbJournal } from '../persistence/indexeddb/indexeddb-journal.js';
import type { ImportProgress, OnOpenProgress } from '../persistence/journal/open-progress.js';
import type { ImportResult } from '../persistence/indexeddb/store-import.js';
import { systemClock } from '../util/clock.js';
import { deleteStore } from './delete-store.js';
import { ExportSource } from './export-source.js';
import { importFile } from './import-file.js';
import { openDatabase } from './open-database.js';
import { holdAliveLock } from './protocol/worker-host.js';
import { readUnsyncedHere } from './unsynced-here.js';

/** Implements {@link BackupHost} on the real thing. */
export class StoreBackup implements BackupHost {
  readonly holdAliveLock: BackupHost['holdAliveLock'] = holdAliveLock;

  export(options: HostExportOptions, onProgress?: OnOpenProgress): Promise<CancellableByteSource & ProxyMarked> {
    const { name, identity } = options;
    const source = new ExportSource({
      ...options,
      // That of a store that is open already: nothing is created, nor written.
      journal: IndexedDbJournal.existing({ name, identity, clock: systemClock }),
      openReplica: () => openDatabase(options),
      clock: systemClock,
      onProgress,
    });
    return Promise.resolve(proxy(source));
  }

  import(
    options: HostImportOptions,
    source: ByteSource,
    onProgress?: (progress: ImportProgress) => void,
  ): Promise<ImportResult> {
    return importFile(options, source, () => openDatabase(options), onProgress);
  }

  delete(options: HostDeleteOptions): Promise<void> {
    return deleteStore(options, () => readUnsyncedHere(options));
  }
}
