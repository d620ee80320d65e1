import { HistoryTruncatedError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { EventLog } from './event-log.js';

/** What to do about a view that is of another log. */
export const REBUILD_VIEW =
  'Build the view anew of what there is, by `rebuild()` or `reset()` of a new ProjectionRunner, or restore the log to where it was.';

/** How far somebody who follows a log has come. */
export interface LogCheckpoint {
  readonly position: NotificationId;
  /** The last event up to there that mattered; empty when there was none, or it is not known. */
  readonly lastEventId: string;
}

/**
 * Looks whether a checkpoint is of another log than this one, as it is after the log was cut off or restored: the log ends
 * before it, or has another event there. Where the log has grown past it meanwhile, and the event there does not matter
 * to whoever follows, nothing can be told.
 *
 * @returns where the log ends, when it is; otherwise `undefined`
 */
export async function headIfLost(
  log: Pick<EventLog, 'recorder' | 'decode'>,
  { position, lastEventId }: LogCheckpoint,
  topics: readonly string[],
): Promise<NotificationId | undefined> {
  if (position === 0) return undefined;
  // After the position was read: nobody can have moved beyond it.
  const head = await log.recorder.maxNotificationId();
  if (head < position) return head;
  if (lastEventId === '') return undefined;
  const [there] = await log.recorder
    .selectNotifications({ start: position, stop: position, limit: 1 })
    .catch((error: unknown) => {
      // It has left, and tells nothing any more.
      if (error instanceof HistoryTruncatedError) return [];
      throw error;
    });
  // Of other topics it is not the last one that mattered. A gap is no proof: ids may have some.
  if (there === undefined || !topics.includes(there.topic)) return undefined;
  const event = await log.decode(there).catch(() => undefined);
  return event === undefined || event.metadata.eventId === lastEventId ? undefined : head;
}
