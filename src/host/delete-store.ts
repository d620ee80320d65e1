/**
 * Deletes a store when nobody else has it open.
 *
 * @module
 */
import { StoreInUseError, UnsyncedEventsError } from './protocol/client-errors.js';
import type { HostDeleteOptions } from './protocol/backup-host.js';
import { openLockName } from '../origin/origin-names.js';
import { workAlone } from '../origin/web-locks.js';
import { removeRescue } from '../persistence/opfs/rescue-place.js';
import { deleteStoreDatabase } from '../persistence/indexeddb/delete-database.js';
import { systemClock } from '../util/clock.js';
import { pause } from '../util/pause.js';
import type { UnsyncedHere } from './unsynced-here.js';

// A worker that was stopped lets go of its files a moment later.
const FILES_CHECK_MS = 50;

/**
 * @param readUnsynced - opens the store, counts, and closes it; not called when it is deleted unread
 * @throws UnsyncedEventsError (`UNSYNCED_EVENTS`) when there is something to lose
 * @throws StoreInUseError (`STORE_IN_USE`) when others do not let go of it in time
 */
export async function deleteStore(
  { name, evenIfUnsynced, timeoutMs }: HostDeleteOptions,
  readUnsynced: () => Promise<UnsyncedHere>,
): Promise<void> {
  const outcome = await workAlone(openLockName(name), timeoutMs, async () => {
    // Counted under the lock: nobody can record anything between the look and the deletion.
    if (!evenIfUnsynced) assertSynced(name, await readUnsynced());
    // First: a store that is made under this name later must not find them.
    if (!(await removeFiles(name, timeoutMs))) throw inUse(name, timeoutMs);
    const deletion = await deleteStoreDatabase(name, { waitMsMax: timeoutMs, clock: systemClock });
    if (deletion === 'blocked') throw blocked(name, timeoutMs);
  });
  if (outcome === 'in-use') throw inUse(name, timeoutMs);
}

async function removeFiles(name: string, waitMsMax: number): Promise<boolean> {
  const startMs = systemClock.monotonicMs();
  while (!(await removeRescue(name))) {
    if (systemClock.monotonicMs() - startMs > waitMsMax) return false;
    await pause(systemClock, FILES_CHECK_MS);
  }
  return true;
}

function assertSynced(name: string, unsynced: UnsyncedHere): void {
  const { pendingEvents: pending, lostUnits, setAsideUnits, rescuedEvents, rescuedSetAsideUnits } = unsynced;
  if (pending + lostUnits + setAsideUnits === 0) return;
  const what = [
    ...(pending === 0 ? [] : [`${pending} events that no server has confirmed`]),
    ...(lostUnits === 0 ? [] : [`${lostUnits} units that the server has lost`]),
    ...(setAsideUnits === 0 ? [] : [`${setAsideUnits} units that were set aside`]),
  ];
  const isLost = rescuedEvents + rescuedSetAsideUnits > 0;
  const why = isLost ? ' The browser has lost the store, and the next opening brings them back, or some of them.' : '';
  throw new UnsyncedEventsError(
    `The store "${name}" holds ${what.join(', and ')}, and was not deleted.${why} Sync first and decide what was set aside, or delete them knowingly with evenIfUnsynced.`,
    { details: { name, pending, lostUnits, setAsideUnits, rescuedEvents } },
  );
}

function inUse(name: string, waitedMs: number): StoreInUseError {
  return new StoreInUseError(
    `The store "${name}" is open, here or in another tab, and was not deleted. Close it there and try again.`,
    { details: { name, waitedMs } },
  );
}

function blocked(name: string, waitedMs: number): StoreInUseError {
  return new StoreInUseError(
    `Something other than Daybook holds the database of the store "${name}". The browser deletes it when it is let go of.`,
    { details: { name, waitedMs, outcome: 'unknown' } },
  );
}
