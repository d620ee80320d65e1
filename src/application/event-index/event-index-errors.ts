import { DuplicateEventError } from '../../persistence/duplicate-event-error.js';
import { logBehind } from '../../persistence/log-behind.js';
import type { LogBehindError } from '../../persistence/log-behind.js';
import type { NotificationId } from '../../persistence/stored-event.js';

/** The error of an event whose id is that of another one. */
export function duplicate(eventId: string): DuplicateEventError {
  return new DuplicateEventError(`An event of the id ${eventId} was recorded before. Nothing was stored.`, {
    details: { eventId },
  });
}

/** The error of an event at whose position the index has one already: a log gives each position once. */
export function positionTaken(position: NotificationId): LogBehindError {
  return logBehind({
    what: 'The event index',
    position,
    head: position,
    exit: 'Nothing was stored. Restore the log to where it was; or empty the index, and `add` the events that there are.',
  });
}
