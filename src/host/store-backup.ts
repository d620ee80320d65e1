/**
 * Wires exports, imports and deletions inside the backup worker. None of them needs the worker that has the store open.
 *
 * @module
 */
import { proxy } from 'comlink';
import type { ProxyMarked } from 'comlink';
import type {
  BackupHost,
  HostBackupOptions,
  HostDeleteOptions,
  HostExportOptions,
  HostImportOptions,
} from './protocol/backup-host.js';
import type { ByteSource, CancellableByteSource } from './protocol/byte-source.js';
import { ImportIncompleteError } from '../persistence/errors.js';
import { IndexedDbJournal } from '../persistence/indexeddb/indexeddb-journal.js';
import type { ImportProgress, OnOpenProgress } from '../persistence/journal/open-progress.js';
import type { ImportResult } from '../persistence/indexeddb/store-import.js';
import { readUnsynced } from '../sync/unsynced.js';
import type { Unsynced } from '../sync/unsynced.js';
import { systemClock } from '../util/clock.js';
import { deleteStore } from './delete-store.js';
import { ExportSource } from './export-source.js';
import { importFile } from './import-file.js';
import { openDatabase } from './open-database.js';
import { openReader } from './replica-reader.js';
import { holdAliveLock } from './protocol/worker-host.js';
import { randomUuid } from '../util/random-uuid.js';

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
    return deleteStore(options, () => unsyncedOf(options));
  }
}

async function unsyncedOf({ name, wasmUrl }: HostBackupOptions): Promise<Unsynced | undefined> {
  try {
    const newIdentity = { replicaId: randomUuid(), createdAtMs: systemClock.nowMs() };
    const [database, journal] = await Promise.all([
      openDatabase({ wasmUrl }),
      IndexedDbJournal.open({ name, newIdentity, clock: systemClock }),
    ]);
    const recorder = await openReader(database, journal);
    const unsynced = await readUnsynced(recorder);
    await recorder.close();
    return unsynced;
  } catch (error) {
    // What is no store yet holds nothing that the file does not.
    if (error instanceof ImportIncompleteError) return undefined;
    throw error;
  }
}
