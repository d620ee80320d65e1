/**
 * The rescue of a store that is open here: what is kept of it, and what is brought back of one that was lost. Loaded by
 * stores that synchronise, and after a loss.
 *
 * @module
 */
import { StorageLostError } from '../persistence/errors.js';
import type { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import { RescueFolder } from '../persistence/opfs/rescue-folder.js';
import { Restoration } from '../persistence/rescue/restoration.js';
import type { RescueFiles } from '../persistence/rescue/rescue-files.js';
import { readRescuedStores } from '../persistence/rescue/rescued-store.js';
import type { RescuedStore } from '../persistence/rescue/rescued-store.js';
import { RescueKeeper } from '../persistence/rescue/rescue-keeper.js';
import type { SyncProgress } from '../persistence/unit-recorder.js';
import type { UnitPage } from '../persistence/unit.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import type { RescueReport, RestoredStore } from './protocol/store-host.js';

const NO_FILES_LEFT = 'Too many tabs have the store open.';
// In an error; all of them are counted.
const MISSING_NAMED_MAX = 100;

/** The store, and its files. */
export interface RescuedHere {
  readonly name: string;
  readonly files: RescueFiles;
  readonly recorder: DurableRecorder;
  readonly replicaId: string;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/** As {@link AttachedRescue.attach}, with the files in a folder. @param place - as `rescuePlace` finds it */
export function attachRescue(
  place: FileSystemDirectoryHandle,
  store: Omit<RescuedHere, 'files'>,
): Promise<AttachedRescue> {
  return AttachedRescue.attach({ ...store, files: new RescueFolder(place) });
}

/** What is kept and restored of one store in this worker. */
export class AttachedRescue {
  /** What was brought back, if the store has taken the place of one that was lost. */
  readonly restored: RestoredStore | undefined;
  /** Whether nobody was told of that yet. */
  readonly isNews: boolean;
  /** What is missing of it, if anything is, and nobody was told yet. */
  readonly loss: StorageLostError | undefined;
  readonly #recorder: DurableRecorder;
  readonly #keeper: RescueKeeper | undefined;
  readonly #restoration: Restoration;

  private constructor(
    recorder: DurableRecorder,
    keeper: RescueKeeper | undefined,
    restoration: Restoration,
    name: string,
    lost: readonly RescuedStore[],
  ) {
    this.#recorder = recorder;
    this.#keeper = keeper;
    this.#restoration = restoration;
    this.restored = restoredOf(lost);
    this.isNews = lost.some(({ isTold }) => !isTold);
    this.loss = lossOf(name, lost);
  }

  /** Brings back what can be, and keeps a copy of what is recorded from then on. */
  static async attach({ name, files, recorder, replicaId, clock = systemClock }: RescuedHere): Promise<AttachedRescue> {
    const slot = await files.takeSlot();
    const lost = readRescuedStores(await files.readAll(), replicaId);
    const restoration = new Restoration(
      recorder,
      lost.flatMap(({ units }) => units),
    );
    try {
      await restoration.run({ isAtHead: false });
    } catch (error) {
      slot?.close();
      throw error;
    }
    if (slot === undefined) return new AttachedRescue(recorder, undefined, restoration, name, lost);
    const keeper = new RescueKeeper({ slot, files, replicaId, source: recorder, clock });
    for (const store of lost) if (!store.isTold) keeper.noteTold(store.replicaId);
    recorder.keepCopy(keeper);
    keeper.begin();
    return new AttachedRescue(recorder, keeper, restoration, name, lost);
  }

  /** Takes that a page was stored: what stands on it comes back. */
  async notePage({ units, position, head }: UnitPage): Promise<void> {
    if (this.#restoration.waitingUnits === 0) return;
    const originatorIds = new Set(units.flatMap(({ events }) => events.map(({ originatorId }) => originatorId)));
    await this.#restoration.run({ isAtHead: position >= head, originatorIds });
  }

  /** What is to come back yet. */
  get waiting(): Pick<SyncProgress, 'pendingUnits' | 'pendingEvents'> {
    const { waitingUnits: pendingUnits, waitingEvents: pendingEvents } = this.#restoration;
    return { pendingUnits, pendingEvents };
  }

  /** How it stands. */
  report(): RescueReport {
    const { waitingUnits } = this.#restoration;
    if (this.#keeper === undefined) return { state: 'unavailable', failure: NO_FILES_LEFT, bytes: 0, waitingUnits };
    const { state, bytes } = this.#keeper;
    return { state, failure: this.loss?.message, bytes, waitingUnits };
  }

  /** Drops from the file what needs no copy any more. */
  async compact(): Promise<void> {
    await this.#keeper?.compact();
  }

  /** Waits for what is in the background. */
  async settle(): Promise<void> {
    await this.#keeper?.settle();
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    this.#recorder.keepCopy(undefined);
    await this.#keeper?.close();
  }
}

/** What is to be said of stores that were lost; most often it is one. */
function restoredOf(lost: readonly RescuedStore[]): RestoredStore | undefined {
  const last = lost.at(-1);
  if (last === undefined) return undefined;
  const units = lost.flatMap((store) => store.units);
  return {
    replicaId: last.replicaId,
    units: units.length,
    events: units.reduce((sum, { events }) => sum + events.length, 0),
    position: last.witness?.position,
    largestId: last.witness?.largestId,
  };
}

function lossOf(name: string, lost: readonly RescuedStore[]): StorageLostError | undefined {
  const untold = lost.filter(({ isTold }) => !isTold);
  const missing = untold.flatMap((store) => store.missing);
  const isExact = untold.every((store) => store.isExact);
  if (missing.length === 0 && isExact) return undefined;
  const restored = restoredOf(untold) as RestoredStore;
  return new StorageLostError(
    `The browser has lost the store "${name}". Of what no server had confirmed, ${restored.units} units were brought back, and ${missing.length}${isExact ? '' : ' or more'} are missing. Open it again to go on.`,
    {
      details: {
        ...{ name, replicaId: restored.replicaId, restoredUnits: restored.units },
        missingUnits: missing
          .slice(0, MISSING_NAMED_MAX)
          .map(({ id }) => id)
          .join(),
        missingUnitsTotal: missing.length,
        missingEvents: missing.reduce((sum, { events }) => sum + events, 0),
        ...{ isExact, position: restored.position, largestId: restored.largestId },
      },
    },
  );
}
