/**
 * What takes part in the transactions of pushes: an index that keeps event ids unique, a view, an outbox.
 *
 * A server stores what it is sent, and need not know what an event is. Those who take part do, so where there are some,
 * events are decoded, before a transaction is open; what cannot be decoded is refused.
 *
 * ```text
 * push ──▶ decode ──▶ an id twice? ──▶ one transaction: events, tracking record, participants ──▶ onCommitted ──▶ 200
 *            │            │                                          │
 *            ▼            ▼                                          ▼
 *     INVALID_REQUEST   DUPLICATE_EVENT              DUPLICATE_EVENT, or what a participant rejects with
 * ```
 *
 * @module
 */
import { isEventSourcingError } from '../domain/errors.js';
import { insertInLine, takePartInTransactions, tellEnd } from '../application/events/inline-participant.js';
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { EventLog } from '../application/log/event-log.js';
import { DuplicateEventError } from '../persistence/duplicate-event-error.js';
import { whenEnded } from '../persistence/transaction-ends.js';
import type { TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { Notification, NotificationId, StoredEvent, Tracking } from '../persistence/stored-event.js';
import { InvalidRequestError } from '../sync/protocol/index.js';
import { callQuietly } from './operator/foreign-code.js';
import type { InlinePushes } from './log/inline-units.js';
import type { Log } from './operator/foreign-code.js';
import { optionRefused } from './operator/option-checks.js';

// What says that the event is to blame, by the codes, because the decoder may come from another copy of the library.
const UNREADABLE_CODES: ReadonlySet<string> = new Set([
  'TOPIC_ERROR',
  'MAPPER_DESERIALISATION_ERROR',
  'VALIDATION_ERROR',
]);

/** Records events of a push, which have the ids of the replica. */
export type RecordPush = (
  events: readonly Notification[],
  options: { readonly tracking: Tracking },
) => Promise<readonly NotificationId[]>;

/** Records pushes with those who take part; without any, nothing is decoded, and no transaction is opened. */
export function pushRecording(
  recorder: ProcessRecorder,
  { participants, decode }: InlinePushes | undefined = NOBODY,
  log: Log,
): RecordPush {
  if (participants.length === 0) {
    return async (events, options) => await recorder.insertEvents(events.map(toStoredEvent), options);
  }
  const { onEnded }: Partial<TransactionalRecorder<unknown>> = recorder;
  return async (events, options) => {
    const decoded: NotifiedEvent[] = [];
    // One after the other: none is unpacked for nothing after one that cannot be read.
    for (const event of events) decoded.push(await decodePushed(event, decode, log));
    assertIdsDiffer(decoded);
    const notified = (ids: readonly NotificationId[]): readonly NotifiedEvent[] =>
      decoded.map((event, index) => ({ ...event, notificationId: ids[index] as NotificationId }));
    const storedEvents = events.map(toStoredEvent);
    const ids = await insertInLine(recorder, participants, { storedEvents, options, notified }).catch(
      (error: unknown) => {
        throw toReplica(decoded, error);
      },
    );
    await whenEnded({ onEnded }, (outcome) => {
      for (const participant of participants) {
        callQuietly(
          () => tellEnd(participant, notified(ids), outcome),
          (error) => log('An in-line participant threw after the commit. The push is recorded all the same.', error),
        );
      }
    });
    return ids;
  };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there, and cannot work with this recorder, or at all */
export function checkInline(inline: Partial<InlinePushes> | null | undefined, recorder: ProcessRecorder): void {
  if (inline === undefined) return;
  const { participants, decode } = inline ?? {};
  if (!Array.isArray(participants) || typeof decode !== 'function') {
    throw optionRefused('inline', 'participants, as a list, and decode, a function');
  }
  if (takePartInTransactions(participants) && recorder.supports?.transactions !== true) {
    throw optionRefused('recorder', 'one with transactions, which participants in line need');
  }
}

/** What is stored of an event that was sent. */
export function toStoredEvent({ originatorId, originatorVersion, topic, state }: Notification): StoredEvent {
  return { originatorId, originatorVersion, topic, state };
}

const NOBODY: InlinePushes = {
  participants: [],
  decode: async () => await Promise.reject(new Error('Nobody takes part.')),
};

async function decodePushed(event: Notification, decode: EventLog['decode'], log: Log): Promise<NotifiedEvent> {
  try {
    return await decode(event);
  } catch (error) {
    if (!isEventSourcingError(error) || !UNREADABLE_CODES.has(error.code)) throw error;
    const { id, originatorId, originatorVersion, topic } = event;
    // The reason may name what is no stranger's business, keys for example; and it may be this side that has to be mended.
    log(`A push was refused: event ${id} of the replica, ${topic}, cannot be read.`, error);
    throw new InvalidRequestError(
      `The server cannot read event ${id} of this replica, ${topic} (${error.code}). Nothing of the push was recorded. The events are kept, and tried again: let the server know such events first.`,
      { cause: error, details: { reason: error.code, id, originatorId, originatorVersion, topic } },
    );
  }
}

function assertIdsDiffer(events: readonly NotifiedEvent[]): void {
  const seen = new Set<string>();
  for (const event of events) {
    const { eventId } = event.metadata;
    if (seen.has(eventId)) throw duplicate(event);
    seen.add(eventId);
  }
}

/** A refusal in terms of the replica, which knows its events by its own ids. */
function toReplica(events: readonly NotifiedEvent[], error: unknown): unknown {
  if (!isEventSourcingError(error) || error.code !== DuplicateEventError.code) return error;
  const { eventId } = error.details;
  const event = events.find(({ metadata }) => metadata.eventId === eventId);
  return event === undefined ? error : duplicate(event, error);
}

/** @param event - with the id that it has at the replica */
function duplicate(
  { notificationId: id, originatorId, originatorVersion, metadata }: NotifiedEvent,
  cause?: Error,
): Error {
  const { eventId } = metadata;
  return new DuplicateEventError(
    `Event ${id} of this replica has the event id ${eventId}, which another event has. Nothing of the push was recorded. The events are kept, and wait: whoever looks after the server can find the other event by that id.`,
    { ...(cause === undefined ? {} : { cause }), details: { eventId, id, originatorId, originatorVersion } },
  );
}
