/**
 * What of a store no server has confirmed. Whoever wants to know asks here, and nobody else reckons with ids: what is
 * pushed, reported, imported and deleted must agree on it.
 *
 * 1. The store remembers it itself, as a tracking record like any other: it moves forward only, and is written in a
 *    journal record like everything else.
 * 2. Confirmed is everything up to an id, because a push begins right after the last confirmed one.
 * 3. Of a copy it is the same, in the store's own ids: what its original had confirmed is confirmed (`pushBaseId`).
 *
 * @module
 */
import { IntegrityError } from '../persistence/errors.js';
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

/**
 * Reads how far a store is confirmed.
 *
 * @param serverId - where the server stands, where that is behind what the store remembers
 */
export async function readConfirmed(
  recorder: Pick<ProcessRecorder, 'maxNotificationId' | 'maxTrackingId'>,
  serverId: NotificationId = Infinity,
): Promise<Confirmed> {
  // In this order: what is recorded between the two counts as pending, and never the other way round.
  const [rememberedId, largestId] = await Promise.all([
    recorder.maxTrackingId(PUSH_TRACKING_NAME),
    recorder.maxNotificationId(),
  ]);
  return confirmedUpTo(Math.min(rememberedId, serverId), largestId);
}

/** How far a store is, where another tab knows how far it is confirmed. */
export function confirmedUpTo(confirmedId: NotificationId, largestId: NotificationId): Confirmed {
  return { largestId, confirmedId, pending: Math.max(0, largestId - confirmedId) };
}

/**
 * Records that a server has everything up to an id.
 *
 * @returns whether the store remembers that now: not when it is about events that the store does not have
 */
export async function recordConfirmed(
  recorder: Pick<ProcessRecorder, 'maxNotificationId' | 'insertEvents'>,
  notificationId: NotificationId,
): Promise<boolean> {
  if (notificationId > (await recorder.maxNotificationId())) return false;
  try {
    await recorder.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId } });
  } catch (error) {
    // The store remembers as much already: another tab was first, or a server that was behind has caught up.
    if (!(error instanceof IntegrityError)) throw error;
  }
  return true;
}
