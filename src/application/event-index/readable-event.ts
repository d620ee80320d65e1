import { isEventSourcingError } from '../../domain/errors.js';
import { OperationalError } from '../../persistence/errors.js';
import type { Notification } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { IndexedLog } from './event-index.js';

/**
 * Reads an event for an index.
 *
 * @returns undefined where it cannot be read, by this release or with these keys
 * @throws what decoding throws that says nothing of the event, or where trying again may help
 */
export async function readableEvent(
  log: Pick<IndexedLog, 'decode'>,
  notification: Notification,
): Promise<NotifiedEvent | undefined> {
  try {
    return await log.decode(notification);
  } catch (error) {
    // What is no error of the event's is not passed over: a mistake would make every event unreadable.
    if (!isEventSourcingError(error) || error instanceof OperationalError) throw error;
    return undefined;
  }
}
