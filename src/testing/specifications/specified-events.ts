/**
 * Events with their positions, of which a test says only what matters.
 *
 * @module
 */
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { Message } from '../../domain/message-types.js';
import { sequentialIds } from '../sequential-ids.js';

/** An event, and as much of its position as matters. */
export type SpecifiedEvent = Message & Partial<Pick<NotifiedEvent, 'originatorId' | 'aggregateType' | 'metadata'>>;

const ORIGINATOR_ID = '00000000-0000-4000-8000-000000000000';

/** Gives events the positions that they would have if they were recorded one after the other. */
export function recordedOneByOne(events: readonly SpecifiedEvent[]): readonly NotifiedEvent[] {
  const nextId = sequentialIds();
  const versions = new Map<string, number>();
  return events.map((event, index) => {
    const { originatorId = ORIGINATOR_ID, aggregateType = '', type, data } = event;
    const originatorVersion = (versions.get(originatorId) ?? 0) + 1;
    versions.set(originatorId, originatorVersion);
    const eventId = nextId();
    return {
      type,
      data,
      aggregateType,
      originatorId,
      originatorVersion,
      notificationId: index + 1,
      metadata: event.metadata ?? { eventId, occurredAt: undefined, recordedAt: undefined, schemaVersion: 1 },
    };
  });
}
