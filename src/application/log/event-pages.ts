import { readPage } from '../../persistence/notification-pages.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { unreadableEvent } from '../events/unreadable-event.js';
import type { EventLog } from './event-log.js';
import { isTransient } from './transient-errors.js';

/** Which events of a log to read. */
export interface EventPageRequest {
  /** Only after this notification. */
  readonly after: NotificationId;
  /** Up to this one. */
  readonly head: NotificationId;
  /** Events in the page, at most. */
  readonly limit: number;
  /** Only these topics. Without any, no event matters; to a recorder that would mean all of them. */
  readonly topics: readonly string[];
}

/** Events that were read, and how far the log was looked at. */
export interface EventPage {
  readonly events: readonly NotifiedEvent[];
  /** Whoever follows the log stands here before. */
  readonly from: NotificationId;
  /** And here afterwards: what lies between and is not here does not matter. */
  readonly to: NotificationId;
}

/**
 * Reads the next events that somebody who follows a log wants of it.
 *
 * One that cannot be read is in its place among them, see `unreadableEvent`.
 *
 * @throws what the recorder throws; and what decoding throws where trying again may help
 */
export async function readEvents(log: EventLog, { after, head, limit, topics }: EventPageRequest): Promise<EventPage> {
  if (topics.length === 0) return { events: [], from: after, to: head };
  const { notifications, to } = await readPage(log.recorder, { after, head, limit, topics });
  return { events: await readAll(log, notifications), from: after, to };
}

/**
 * Reads the events of notifications. One that cannot be read is in its place among them.
 *
 * @throws what decoding throws where trying again may help
 */
export async function readAll(
  log: Pick<EventLog, 'decode'>,
  notifications: readonly Notification[],
): Promise<NotifiedEvent[]> {
  return await Promise.all(notifications.map((notification) => readOne(log, notification)));
}

/** As {@link readAll}, of one. */
export async function readOne(log: Pick<EventLog, 'decode'>, notification: Notification): Promise<NotifiedEvent> {
  return await log.decode(notification).catch((error: unknown) => {
    if (isTransient(error)) throw error;
    return unreadableEvent(notification, error);
  });
}
