/**
 * What would be gone with a store that is not open: what it holds, and what is left of one that the browser has lost.
 *
 * @module
 */
import { ImportIncompleteError, OperationalError } from '../persistence/errors.js';
import { deleteStoreDatabase } from '../persistence/indexeddb/delete-database.js';
import { IndexedDbJournal } from '../persistence/indexeddb/indexeddb-journal.js';
import type { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import { RescueFolder } from '../persistence/opfs/rescue-folder.js';
import { rescuePlace } from '../persistence/opfs/rescue-place.js';
import { readRescuedStores } from '../persistence/rescue/rescued-store.js';
import type { RescuedStore } from '../persistence/rescue/rescued-store.js';
import { readUnsynced } from '../sync/unsynced.js';
import type { Unsynced } from '../sync/unsynced.js';
import { systemClock } from '../util/clock.js';
import { randomUuid } from '../util/random-uuid.js';
import { openDatabase } from './open-database.js';
import type { HostBackupOptions } from './protocol/backup-host.js';
import { openReader } from './replica-reader.js';

// Nobody has it open: it was made just now.
const DELETION_MS_MAX = 5_000;

/** What would be gone. */
export interface UnsyncedHere extends Pick<Unsynced, 'pendingEvents' | 'lostUnits' | 'setAsideUnits'> {
  /** Of those, events and units that the next opening would bring back of a store that was lost. */
  readonly rescuedEvents: number;
  readonly rescuedSetAsideUnits: number;
}

/** Reads what no server has, as far as is known here. To be called while nobody can record; leaves no store where there was none. */
export async function readUnsyncedHere({ name, wasmUrl }: HostBackupOptions): Promise<UnsyncedHere> {
  const lost = await lostStores(name);
  const newIdentity = { replicaId: randomUuid(), createdAtMs: systemClock.nowMs() };
  let journal;
  try {
    // What the files have of a loss says more than the browser does.
    const isLossKnown = lost.length > 0;
    journal = await IndexedDbJournal.open({ name, newIdentity, clock: systemClock, isLossKnown });
  } catch (error) {
    // What is no store yet holds nothing that the file does not.
    if (error instanceof ImportIncompleteError) return withRescued(NOTHING, lost, new Set());
    throw error;
  }
  const { replicaId } = journal.identity;
  const others = lost.filter((store) => store.replicaId !== replicaId);
  if (replicaId === newIdentity.replicaId) {
    journal.close();
    await deleteStoreDatabase(name, { waitMsMax: DELETION_MS_MAX, clock: systemClock });
    return withRescued(NOTHING, others, new Set());
  }
  const recorder = await openReader(await openDatabase({ wasmUrl }), journal);
  const unsynced = await readUnsynced(recorder);
  const known = await knownOf(recorder, others);
  await recorder.close();
  return withRescued(unsynced, others, known);
}

const NOTHING = { pendingEvents: 0, lostUnits: 0, setAsideUnits: 0 };

/** @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason` `'rescue'` when there are files that cannot be read */
async function lostStores(name: string): Promise<readonly RescuedStore[]> {
  const place = await rescuePlace(name, false);
  if (place === undefined) return [];
  try {
    return readRescuedStores(await new RescueFolder(place).readAll());
  } catch (cause) {
    throw new OperationalError(
      `The files for a rescue of the store "${name}" cannot be read: ${String(cause)}. Nobody knows what is in them. Try again, or delete the store knowingly with evenIfUnsynced.`,
      { cause, details: { reason: 'rescue', name } },
    );
  }
}

async function knownOf(recorder: DurableRecorder, lost: readonly RescuedStore[]): Promise<ReadonlySet<string>> {
  const ids = lost.flatMap(({ units }) => units.map(({ id }) => id));
  return ids.length === 0 ? new Set() : (await recorder.unitsHere(ids)).known;
}

/** @param known - units that have come back */
function withRescued(
  { pendingEvents, lostUnits, setAsideUnits }: Omit<UnsyncedHere, 'rescuedEvents' | 'rescuedSetAsideUnits'>,
  lost: readonly RescuedStore[],
  known: ReadonlySet<string>,
): UnsyncedHere {
  const units = lost.flatMap((store) => store.units).filter(({ id }) => !known.has(id));
  const rescuedSetAsideUnits = units.filter(({ reason }) => reason !== undefined).length;
  const rescuedEvents = units.reduce((sum, { reason, events }) => sum + (reason === undefined ? events.length : 0), 0);
  return {
    pendingEvents: pendingEvents + rescuedEvents,
    setAsideUnits: setAsideUnits + rescuedSetAsideUnits,
    ...{ lostUnits, rescuedEvents, rescuedSetAsideUnits },
  };
}
