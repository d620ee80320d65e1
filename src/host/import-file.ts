/**
 * Imports a store's file, when nobody else is at it.
 *
 * @module
 */
import type { ByteSource } from './protocol/byte-source.js';
import { storeHeld, StoreInUseError } from './protocol/client-errors.js';
import type { HostImportOptions } from './protocol/backup-host.js';
import { importLockName, openLockName } from '../origin/origin-names.js';
import { holdLock, workAlone } from '../origin/web-locks.js';
import type { Journal } from '../persistence/journal/journal.js';
import type { ImportProgress, OnOpenProgress } from '../persistence/journal/open-progress.js';
import { removeRescue } from '../persistence/opfs/rescue-place.js';
import { importStore } from '../persistence/indexeddb/store-import.js';
import type { ImportResult, TrialStore } from '../persistence/indexeddb/store-import.js';
import { statementsOf } from '../persistence/sqlite/sqlite-connection.js';
import type { SqlJsImageDatabase } from '../persistence/sqlite/sqljs-database.js';
import { readConfirmed } from '../sync/confirmed.js';
import { readUnsynced } from '../sync/unsynced.js';
import { systemClock } from '../util/clock.js';
import { ProgressLine } from './progress-line.js';
import { openReader } from './replica-reader.js';
import { randomUuid } from '../util/random-uuid.js';

// A tab that was just closed lets go of its lock within this time; one that imports does not for minutes.
const OTHERS_WAIT_MS_MAX = 2_000;

/**
 * @param openDatabase - makes an empty database, for the trial
 * @throws StoreInUseError (`STORE_IN_USE`) when another tab is importing into it
 * @throws as `importStore`
 */
export async function importFile(
  options: HostImportOptions,
  source: ByteSource,
  openDatabase: () => Promise<SqlJsImageDatabase>,
  onProgress: ((progress: ImportProgress) => void) | undefined,
): Promise<ImportResult> {
  const { name, totalBytes, as } = options;
  const progress = new ProgressLine(onProgress);
  // Whoever deletes the store waits for it, as for everyone else who has it open.
  await holdLock(openLockName(name), 'shared', () => storeHeld(name, 'deleted'));
  let result: ImportResult | undefined;
  await workAlone(importLockName(name), OTHERS_WAIT_MS_MAX, async () => {
    result = await importStore({
      ...{ name, totalBytes, as },
      onProgress: progress.tell,
      pull: () => source.next(),
      newReplicaId: randomUuid(),
      clock: systemClock,
      open: async (journal) => tryStore(await openDatabase(), journal, progress.tell),
    });
    // Of a store of this name that was lost: this one has taken its place knowingly.
    await removeRescue(name);
    await progress.heard();
  });
  if (result !== undefined) return result;
  throw new StoreInUseError(`Another tab is importing into the store "${name}". Wait for it, or close that tab.`, {
    details: { name, waitedMs: OTHERS_WAIT_MS_MAX },
  });
}

/** @param journal - lent: neither it nor what is made of it here is closed; the worker ends with the import */
async function tryStore(
  database: SqlJsImageDatabase,
  journal: Journal,
  onProgress: OnOpenProgress | undefined,
): Promise<TrialStore> {
  const recorder = await openReader(database, journal, onProgress);
  // The replica applies lazily: this makes it apply all that there is.
  await recorder.selectNotifications({ start: 1, limit: 1 });
  const [unsynced, { confirmedId }] = [await readUnsynced(recorder), await readConfirmed(recorder)];
  // Not the largest id: what was set aside has left its ids behind.
  const events = statementsOf(database).number('SELECT count(*) FROM stored_events', []) ?? 0;
  return { ...unsynced, confirmedId, events, position: recorder.position };
}
