/**
 * The errors of positions that are taken, alike on every engine.
 *
 * @module
 */
import { IntegrityError } from './errors.js';
import type { NotificationId, OriginatorId, StoredEvent, Tracking } from './stored-event.js';
import type { UnitId } from './unit.js';

/** The error of an event whose position is taken. */
export function eventTaken(event: StoredEvent, cause?: unknown): IntegrityError {
  const { originatorId, originatorVersion } = event;
  return new IntegrityError(
    `Version ${originatorVersion} of aggregate ${originatorId} is taken. Nothing was stored: read the aggregate again and decide anew.`,
    { ...(cause === undefined ? {} : { cause }), details: { constraint: 'event', originatorId, originatorVersion } },
  );
}

/** The error of events that were decided on what an aggregate is not any more. */
export function pastChanged(originatorId: OriginatorId, originatorVersion: number): IntegrityError {
  return new IntegrityError(
    `Aggregate ${originatorId} is not what it was at version ${originatorVersion}: events have left it or come before since. Nothing was stored: read it again and decide anew.`,
    { details: { constraint: 'past', originatorId, originatorVersion } },
  );
}

/** The error of a tracking record that does not move forward. */
export function trackingTaken(tracking: Tracking, last: NotificationId, cause?: unknown): IntegrityError {
  const { applicationName, notificationId } = tracking;
  return new IntegrityError(
    `Notification ${notificationId} of ${applicationName} was processed before (the last was ${last}). Nothing was stored.`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: { constraint: 'tracking', applicationName, notificationId, lastNotificationId: last },
    },
  );
}

/** The error of a unit whose id another one has. */
export function unitTaken(unitId: UnitId): IntegrityError {
  return new IntegrityError(
    `There is a unit ${unitId} already. Nothing was stored: if it is this very one, it was recorded before.`,
    { details: { constraint: 'unit', unitId } },
  );
}
