import { areEqualBytes } from '../util/equal-bytes.js';
import type { Notification, StoredEvent } from './stored-event.js';

/**
 * Whether two stored events have the same position, topic and state, byte for byte. Two notifications have the same id as
 * well; a notification is no event without one.
 *
 * @example
 * ```ts
 * const [stored] = await recorder.selectEvents(originatorId, { gt: 4, limit: 1 });
 * if (stored !== undefined && storedEventEquals(stored, sent)) return; // It was recorded before.
 * ```
 */
export function storedEventEquals(a: StoredEvent | Notification, b: StoredEvent | Notification): boolean {
  return (
    a.originatorId === b.originatorId &&
    a.originatorVersion === b.originatorVersion &&
    a.topic === b.topic &&
    ('id' in a ? a.id : undefined) === ('id' in b ? b.id : undefined) &&
    areEqualBytes(a.state, b.state)
  );
}
