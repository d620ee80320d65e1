/**
 * Follows the notifications of an application: paged as everywhere, with hints by `NOTIFY`, and by the clock.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import type { ApplicationRecorder } from '../recorder.js';
import type { NotificationId } from '../stored-event.js';
import { follow as followPages } from '../subscription.js';
import type { Subscription } from '../subscription.js';
import { checkedMs } from '../validation.js';
import type { PostgresListener } from './postgres-listener.js';

// Notifications usually come within milliseconds of a commit; this is for writers that send none, as releases of the
// Python library before 9.4 and plain SQL, and for connections that broke. A look costs two index look-ups.
const POLL_INTERVAL_MS = 1_000;

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
  const { pollIntervalMs = POLL_INTERVAL_MS, clock = systemClock, ...selection } = options;
  checkedMs('pollIntervalMs', pollIntervalMs, { min: 1 });
  const onRecorded = (hint: () => void): (() => Promise<void>) =>
    hear(listener, { onNews: hint, onPoll: hint, pollIntervalMs, clock });
  return followPages(recorder, onRecorded, selection);
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
  { onNews, onPoll, pollIntervalMs = POLL_INTERVAL_MS, clock = systemClock }: NewsListening,
): () => Promise<void> {
  const poll = (): void => {
    callOff = clock.schedule(poll, pollIntervalMs);
    listener.ensure();
    onPoll?.();
  };
  let callOff = clock.schedule(poll, pollIntervalMs);
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
