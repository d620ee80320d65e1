/**
 * Following recorders that other processes write to: by whatever hints there are, and by the clock for what was not hinted at.
 *
 * @module
 */
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import type { NotificationId } from './stored-event.js';
import { follow } from './subscription.js';
import type { NotificationSource, Subscription } from './subscription.js';
import { checkedMs } from './validation.js';

/**
 * Milliseconds between two looks. Where hints come, they come within milliseconds of a commit; this is for writers that give
 * none, and for connections that broke. A look costs two index look-ups.
 */
export const LOOK_INTERVAL_MS = 1_000;

/** Which notifications to follow, and until when. */
export interface SubscribeOptions {
  /** Only ids greater than this: where an earlier subscription ended. @defaultValue 0: from the beginning */
  readonly gt?: NotificationId;
  /** Only these topics; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[];
  /** Ends the subscription when it is aborted, as the end of the iteration; nothing is thrown. */
  readonly signal?: AbortSignal;
  /** Milliseconds between looks for what was not announced. @defaultValue 1,000 */
  readonly pollIntervalMs?: number;
  /** For tests. @defaultValue the platform's clock */
  readonly clock?: Clock;
}

/** How often to look, by which clock. */
export interface Looks {
  readonly pollIntervalMs: number;
  readonly clock: Clock;
}

/**
 * Follows a recorder.
 *
 * @param hear - calls `onNews` when it is worth looking, and as often as is looked for; gives what stops that
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function followLooking(
  recorder: NotificationSource,
  { pollIntervalMs = LOOK_INTERVAL_MS, clock = systemClock, ...selection }: SubscribeOptions,
  hear: (listening: Looks & { readonly onNews: () => void }) => () => unknown,
): Subscription {
  checkedMs('pollIntervalMs', pollIntervalMs, { min: 1 });
  return follow(recorder, (onNews) => hear({ onNews, pollIntervalMs, clock }), selection);
}

/** Calls back again and again. @returns stops the calls */
export function looking({ clock, pollIntervalMs }: Looks, look: () => void): () => void {
  const again = (): void => {
    callOff = clock.schedule(again, pollIntervalMs);
    look();
  };
  let callOff = clock.schedule(again, pollIntervalMs);
  return () => callOff();
}
