import type { ApplicationRecorder } from './recorder.js';
import type { Notification, NotificationId } from './stored-event.js';

/** Which part of a log to read. */
export interface PageRequest {
  /** Only ids greater than this. */
  readonly after: NotificationId;
  /** Only ids up to this: how far the log goes, or matters. @defaultValue no bound */
  readonly head?: NotificationId | undefined;
  /** Notifications in the page, at most; 1 or more. */
  readonly limit: number;
  /** Only these topics; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[];
}

/** A part of a log. */
export interface NotificationPage {
  readonly notifications: readonly Notification[];
  /** Everything up to this id was looked at: the next page comes after it. */
  readonly to: NotificationId;
  /** Whether there may be more behind it, up to the head. */
  readonly isFull: boolean;
}

/**
 * Reads a page of a log. Ids become visible in order, so one that is not full has seen everything up to the head: what has
 * other topics need not be looked at again.
 *
 * @throws what the recorder throws
 */
export async function readPage(
  recorder: Pick<ApplicationRecorder, 'selectNotifications'>,
  { after, head, ...selection }: PageRequest,
): Promise<NotificationPage> {
  if (head !== undefined && head <= after) return { notifications: [], to: after, isFull: false };
  const range = { start: after + 1, ...(head === undefined ? {} : { stop: head }) };
  const notifications = await recorder.selectNotifications({ ...range, ...selection });
  const isFull = notifications.length === selection.limit;
  return { notifications, to: isFull || head === undefined ? (notifications.at(-1)?.id ?? after) : head, isFull };
}
