/**
 * How far what was recorded has come: on this device, in the books, or set aside.
 *
 * @module
 */
import type { DaybookRecorder, Notification, SetAsideUnit } from 'daybook';
import { entryOf } from './stock-entries.js';
import type { EntriesView, StockEntry, StockEvent } from './stock-entries.js';

/** Where an entry is. `device`: no server has it, as far as is known. */
export type EntryPlace = 'device' | 'books';

/** What was set aside by one commit. */
export interface SetAsideCommit {
  readonly unitId: string;
  /** As in `SetAsideReason`. */
  readonly code: string;
  /** Empty when it is of a version of this page that knows more. */
  readonly entries: readonly StockEntry[];
}

// The store is asked for no more at once.
const UNITS_FOUND_MAX = 1_000;
const SET_ASIDE_LIMITS = { eventsMax: 200, bytesMax: 262_144 };

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

/**
 * Reads everything that was set aside.
 *
 * @param decode - the application's
 */
export async function readSetAside(
  recorder: Pick<DaybookRecorder, 'selectSetAside'>,
  decode: (notification: Notification) => Promise<object>,
): Promise<readonly SetAsideCommit[]> {
  const commits: SetAsideCommit[] = [];
  for (let after = 0; ;) {
    const units = await recorder.selectSetAside(after, SET_ASIDE_LIMITS);
    const last = units.at(-1);
    if (last === undefined) return commits;
    commits.push(...(await Promise.all(units.map((unit) => commitOf(unit, decode)))));
    after = last.firstNotificationId;
  }
}

async function commitOf(
  { id: unitId, reason, events, firstNotificationId }: SetAsideUnit,
  decode: (notification: Notification) => Promise<object>,
): Promise<SetAsideCommit> {
  const { code } = reason;
  try {
    const decoded = await Promise.all(
      events.map((event, index) => decode({ ...event, id: firstNotificationId + index })),
    );
    return { unitId, code, entries: decoded.map((event) => entryOf(event as StockEvent)) };
  } catch {
    // Of another version of the page. It is kept and counted all the same.
    return { unitId, code, entries: [] };
  }
}
