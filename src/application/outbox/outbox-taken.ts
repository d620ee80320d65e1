import { IntegrityError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';

/** The refusal of an event whose position the outbox has of another one. */
export function outboxTaken(notificationId: NotificationId): IntegrityError {
  return new IntegrityError(
    `The outbox has an entry of another event at position ${notificationId}. Nothing was stored. It is another application's, which needs a table of its own; or the log was cut off or restored, and the entries of the events that it lost must be deleted first.`,
    { details: { notificationId } },
  );
}
