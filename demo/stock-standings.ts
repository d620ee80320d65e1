/**
 * How far what was recorded has come: on this device, in the books, or set aside.
 *
 * @module
 */
import type { DaybookRecorder } from 'daybook';
import type { Application, SetAsideEntry } from 'daybook/application';
import { entryOf } from './stock-entries.js';
import type { EntriesView, StockEntry, StockEvent } from './stock-entries.js';

/** Where an entry is. `device`: no server has it, as far as is known. */
export type EntryPlace = 'device' | 'books';

/** What was set aside by one commit. */
export interface SetAsideCommit {
  readonly unitId: string;
  /** As in `SetAsideReason`. */
  readonly code: string;
  /** Whether others have recorded it, and the books have lost it: it can only be given up. */
  readonly isForeign: boolean;
  /** Empty when it is of a version of this page that knows more. */
  readonly entries: readonly StockEntry[];
}

// The store is asked for no more at once.
const UNITS_FOUND_MAX = 1_000;

/** Finds where entries are. One that is not in the answer has left the store: it was set aside, or the server has lost it. */
export async function readPlaces(
  recorder: Pick<DaybookRecorder, 'findUnits'>,
  { entries, lastIds }: EntriesView,
): Promise<ReadonlyMap<number, EntryPlace>> {
  const ids = [...new Set([...entries.map(({ notificationId }) => notificationId), ...lastIds.values()])];
  const places = new Map<number, EntryPlace>();
  for (let start = 0; start < ids.length; start += UNITS_FOUND_MAX) {
    const asked = ids.slice(start, start + UNITS_FOUND_MAX);
    const standings = await recorder.findUnits(asked);
    asked.forEach((id, index) => {
      const state = standings[index]?.state;
      if (state !== undefined && state !== 'setAside') places.set(id, state === 'confirmed' ? 'books' : 'device');
    });
  }
  return places;
}

/** Reads everything that was set aside. */
export async function readSetAside({ setAside }: Pick<Application, 'setAside'>): Promise<readonly SetAsideCommit[]> {
  const commits: SetAsideCommit[] = [];
  for await (const entry of setAside.all()) commits.push(commitOf(entry));
  return commits;
}

function commitOf({ id: unitId, reason: { code }, isForeign, events, place }: SetAsideEntry): SetAsideCommit {
  const known = events.flatMap(({ event }, index) =>
    event === undefined ? [] : [entryOf({ ...event, notificationId: place + index } as StockEvent)],
  );
  // One that is of another version of the page is kept and counted all the same, and not told in part.
  return { unitId, code, isForeign, entries: known.length < events.length ? [] : known };
}
