import type { Notification } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from './notified-event.js';

// Beside the events, so that whoever is given one sees nothing that an event does not have.
const REASONS = new WeakMap<NotifiedEvent, { readonly error: unknown }>();

/**
 * Stands for an event that cannot be read, in its place among the others: those before it are not held up by it, and what
 * becomes of it is for whoever takes it to say.
 */
export function unreadableEvent(
  { id, originatorId, originatorVersion, topic }: Notification,
  error: unknown,
): NotifiedEvent {
  const metadata = { eventId: '', occurredAt: undefined, recordedAt: undefined, schemaVersion: 1 };
  const event: NotifiedEvent = {
    type: topic,
    data: {},
    aggregateType: '',
    originatorId,
    originatorVersion,
    notificationId: id,
    metadata,
  };
  REASONS.set(event, { error });
  return event;
}

/** Why an event cannot be read; `undefined` for one that was. */
export function whyUnreadable(event: NotifiedEvent): { readonly error: unknown } | undefined {
  return REASONS.get(event);
}
