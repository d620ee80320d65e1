/**
 * Follows the notifications of an application: paged as everywhere, with hints by `NOTIFY`, and by the clock.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import type { ApplicationRecorder } from '../recorder.js';
import { followLooking, looking, LOOK_INTERVAL_MS } from '../looking-subscription.js';
import type { SubscribeOptions } from '../looking-subscription.js';
import type { Subscription } from '../subscription.js';
import type { PostgresListener } from './postgres-listener.js';

/**
 * Follows a recorder. Listens only while somebody iterates, and has stopped when the iteration has ended.
 *
 * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be read; subscribe again after the last id
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function follow(
  recorder: ApplicationRecorder,
  listener: PostgresListener,
  options: SubscribeOptions = {},
): Subscription {
  return followLooking(recorder, options, ({ onNews, ...looks }) =>
    hear(listener, { onNews, onPoll: onNews, ...looks }),
  );
}

/** Who hears of news. */
export interface NewsListening {
  /** Called when somebody has said that events were recorded, and when that may have been missed. */
  readonly onNews: () => void;
  /** Called at every look for a connection that was lost. @defaultValue nobody */
  readonly onPoll?: () => void;
  /** Milliseconds between those looks. @defaultValue 1,000 */
  readonly pollIntervalMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock | undefined;
}

/** Hears of news, over a connection that is replaced when it is lost. @returns stops the calls */
export function hear(
  listener: PostgresListener,
  { onNews, onPoll, pollIntervalMs = LOOK_INTERVAL_MS, clock = systemClock }: NewsListening,
): () => Promise<void> {
  const callOff = looking({ clock, pollIntervalMs }, () => {
    listener.ensure();
    onPoll?.();
  });
  const stopListening = listener.add(() => {
    // A connection that is lost wakes its readers, and is replaced when they look.
    listener.ensure();
    onNews();
  });
  return async () => {
    callOff();
    await stopListening();
  };
}
