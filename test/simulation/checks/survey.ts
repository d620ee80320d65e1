/**
 * Looks at a store from outside: a replica of its own of the journal, as a tab would have that was opened now.
 *
 * @module
 */
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { Notification } from '../../../src/persistence/stored-event.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import type { SetAsideUnit, SyncProgress, UnitStanding } from '../../../src/persistence/unit-recorder.js';
import { systemClock } from '../../../src/util/clock.js';
import type { SharedJournal } from '../../support/shared-journal.js';
import { readEvent } from '../world/stock.js';

const ALL = { eventsMax: 1_000_000, bytesMax: 1e9 };
const FOUND_AT_ONCE = 1_000;

/** What a store has. */
export interface Survey {
  readonly events: readonly Notification[];
  readonly setAside: readonly Pick<SetAsideUnit, 'id' | 'reason' | 'events'>[];
  readonly progress: SyncProgress;
  /** Intents of events, in the log or set aside. */
  intents(): ReadonlySet<string>;
  find(ids: readonly UnitId[]): Promise<readonly (UnitStanding | undefined)[]>;
}

/** What a recorder says of its store. */
export async function surveyOf(recorder: DurableRecorder): Promise<Survey> {
  const events = await recorder.selectNotifications({ start: 1, limit: 1_000_000 });
  const setAside = await recorder.selectSetAside(0, ALL);
  const progress = await recorder.syncProgress();
  return {
    ...{ events, setAside, progress },
    // Few who look want to know that.
    intents: () => new Set([...events, ...setAside.flatMap((unit) => unit.events)].map((one) => readEvent(one).intent)),
    find: (ids) => findIn(recorder, ids),
  };
}

/** What a recorder says of units, however many. */
export async function findIn(
  recorder: DurableRecorder,
  ids: readonly UnitId[],
): Promise<readonly (UnitStanding | undefined)[]> {
  const found: (UnitStanding | undefined)[] = [];
  for (let at = 0; at < ids.length; at += FOUND_AT_ONCE) {
    found.push(...(await recorder.findUnits(ids.slice(at, at + FOUND_AT_ONCE))));
  }
  return found;
}

/** Opens the store of a journal, takes no time, and lets go of it again. */
export async function survey<T>(journal: SharedJournal, work: (found: Survey) => Promise<T>): Promise<T> {
  const database = await openSqlJs();
  try {
    const images = new ImagedReplica(database, systemClock);
    const replica = images.create();
    const recorder = await DurableRecorder.open({ replica, images, journal: journal.connect() });
    return await work(await surveyOf(recorder));
  } finally {
    database.close();
  }
}
