/**
 * Recorded events to test in-line participants with.
 *
 * @module
 */
import type { InlineParticipant } from '../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';

/** A recorded event of an aggregate, with data that names its version and its characters that are hard to store. */
export function sampleRecordedEvent(
  originatorId: string,
  originatorVersion: number,
  metadata: Partial<RecordedEvent['metadata']> = {},
): RecordedEvent {
  return {
    type: 'Counted',
    data: { version: originatorVersion, text: 'é 🐈 \u0000', list: [1.5, null, true] },
    aggregateType: 'Item',
    originatorId,
    originatorVersion,
    metadata: {
      eventId: newOriginatorId(),
      occurredAt: new Date(1_700_000_000_123),
      recordedAt: new Date(1_700_000_000_456),
      schemaVersion: 1,
      ...metadata,
    },
  };
}

/** Records events as an application does: with what takes part, in one transaction. */
export async function recordWith(
  recorder: TransactionalRecorder<SqlQueryable | undefined>,
  participants: readonly InlineParticipant[],
  events: readonly RecordedEvent[],
): Promise<readonly NotifiedEvent[]> {
  const notified = await recorder.transaction(async (transaction) => {
    const stored = events.map(({ originatorId, originatorVersion }) => sampleEvent(originatorId, originatorVersion));
    const ids = await transaction.insertEvents(stored);
    const withIds = events.map((event, index) => ({ ...event, notificationId: ids[index] as number }));
    for (const participant of participants) await participant.onRecorded?.(transaction, withIds);
    return withIds;
  });
  for (const participant of participants) participant.onCommitted?.(notified);
  return notified;
}
