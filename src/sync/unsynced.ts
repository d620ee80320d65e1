/**
 * What would be gone with a store. Whoever wants to know asks here: what is reported, imported and deleted agrees on it.
 *
 * 1. Units say it: one that no page has confirmed is pending, one that the server has lost is to be brought back, and one
 *    that was set aside is nowhere else.
 * 2. The first protocol knew no units. What it had confirmed counts until the store hears of the server's log for the first
 *    time, which has all of it then (an event's id follows from the event), or says that it is lost.
 *
 * @module
 */
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { CURSOR_START } from '../persistence/unit.js';
import type { UnitRecorder } from '../persistence/unit-recorder.js';
import { readConfirmed } from './confirmed.js';

/** What no server has, as far as the store knows. */
export interface Unsynced {
  /** The largest notification id, or 0. */
  readonly largestId: NotificationId;
  /** Events that no server has confirmed, without those that were set aside. */
  readonly pendingEvents: number;
  /** Units that the server had, has lost, and has not been offered yet. */
  readonly lostUnits: number;
  /** Units that are not in the log any more, and wait for somebody to decide. */
  readonly setAsideUnits: number;
}

/** Reads what no server has. */
export async function readUnsynced(
  recorder: Pick<ProcessRecorder, 'maxNotificationId' | 'maxTrackingId'> & Pick<UnitRecorder, 'syncProgress'>,
): Promise<Unsynced> {
  // In this order: what is recorded between the two is not missed.
  const { largestId, pending } = await readConfirmed(recorder);
  const { cursor, rewinds, pendingEvents, lostUnits, setAsideUnits } = await recorder.syncProgress();
  const isFirst = cursor === CURSOR_START && rewinds === 0;
  return {
    largestId,
    pendingEvents: isFirst ? Math.min(pending, pendingEvents) : pendingEvents,
    lostUnits,
    setAsideUnits,
  };
}
