/**
 * What of a store no server has confirmed. Whoever wants to know asks here, and nobody else reckons with ids: what is
 * reported, imported and deleted must agree on it.
 *
 * 1. The store knows it of each unit: pages confirm.
 * 2. A store that was pushed by the first protocol remembers an id, up to which everything was confirmed, as a tracking
 *    record like any other. Its units are confirmed by pages as soon as it is synchronised again; until then that id counts.
 * 3. Of a copy it is the same, in the store's own ids.
 *
 * @module
 */
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { NotificationId } from '../persistence/stored-event.js';

/** Under this name the store remembers what the server confirmed. */
export const PUSH_TRACKING_NAME = 'daybook:push';

/** How far a store is, and a server with it. */
export interface Confirmed {
  /** The largest notification id, or 0. */
  readonly largestId: NotificationId;
  /** Everything up to this id is confirmed; 0 in a store that was never pushed. */
  readonly confirmedId: NotificationId;
  /** Events that no server has confirmed. */
  readonly pending: number;
}

/** Reads how far a store is confirmed by the first protocol. */
export async function readConfirmed(
  recorder: Pick<ProcessRecorder, 'maxNotificationId' | 'maxTrackingId'>,
): Promise<Confirmed> {
  // In this order: what is recorded between the two counts as pending, and never the other way round.
  const [confirmedId, largestId] = await Promise.all([
    recorder.maxTrackingId(PUSH_TRACKING_NAME),
    recorder.maxNotificationId(),
  ]);
  return { largestId, confirmedId, pending: Math.max(0, largestId - confirmedId) };
}
