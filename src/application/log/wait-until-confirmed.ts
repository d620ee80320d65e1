import type { NotificationId } from '../../persistence/stored-event.js';
import type { UnitRecorder } from '../../persistence/unit-recorder.js';

/**
 * Waits, for somebody who follows what is confirmed, until what became of an event is: where it was decided again, it is
 * another one by then.
 *
 * @param wait - until everything up to an id is on the server, or is not there any more
 */
export async function waitUntilConfirmed(
  recorder: object,
  notificationId: NotificationId,
  wait: (notificationId: NotificationId) => Promise<void>,
): Promise<void> {
  for (let id = notificationId; ;) {
    await wait(id);
    const [standing] = await (recorder as Pick<UnitRecorder, 'findUnits'>).findUnits([notificationId]);
    if (standing?.state !== 'pending') return;
    id = standing.firstNotificationId;
  }
}
