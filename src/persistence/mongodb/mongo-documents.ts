/**
 * Events as documents, and documents as events.
 *
 * @module
 */
import { DataError } from '../errors.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import type { MongoDocument } from './mongo-driver.js';

/** Bytes of one event's state: a document has 16 MiB, and this leaves room for what is beside it. */
export const MONGO_STATE_BYTES_MAX: number = 16 * 1024 * 1024 - 16 * 1024;

/** @throws DataError (`DATA_ERROR`) when a state is larger than a document can be */
export function validateDocumentSizes(states: Iterable<{ readonly state: Uint8Array; readonly what: string }>): void {
  for (const { state, what } of states) {
    if (state.length <= MONGO_STATE_BYTES_MAX) continue;
    throw new DataError(
      `The state of ${what} has ${state.length} bytes, and a document of MongoDB takes ${MONGO_STATE_BYTES_MAX}. Nothing was stored: keep large data elsewhere and record where.`,
      { details: { stateBytes: state.length, stateBytesMax: MONGO_STATE_BYTES_MAX } },
    );
  }
}

/** @param first - the position of the first one */
export function toEventDocuments(events: readonly StoredEvent[], first: NotificationId): object[] {
  return events.map((event, index) => ({ _id: BigInt(first + index), ...toEventFields(event) }));
}

/** An event without a position. */
export function toEventFields({ originatorId, originatorVersion, topic, state }: StoredEvent): object {
  return { originatorId, originatorVersion: BigInt(originatorVersion), topic, state };
}

/** The range of an aggregate's events. */
export function versionsFilter(gt: number | undefined, lte: number | undefined): object {
  return { ...(gt === undefined ? {} : { $gt: BigInt(gt) }), ...(lte === undefined ? {} : { $lte: BigInt(lte) }) };
}

/** As the driver wants it. A limit of 0 would be none: who asks for nothing is not to get here. */
export function eventsQuery(
  originatorId: OriginatorId,
  { gt, lte, desc = false, limit }: SelectEventsOptions,
): { readonly filter: object; readonly options: object } {
  const range = versionsFilter(gt, lte);
  return {
    filter: { originatorId, ...(Object.keys(range).length === 0 ? {} : { originatorVersion: range }) },
    options: { sort: { originatorVersion: desc ? -1 : 1 }, ...(limit === undefined ? {} : { limit }) },
  };
}

/** As {@link eventsQuery}. */
export function notificationsQuery({ start, stop, topics = [], limit }: SelectNotificationsOptions): {
  readonly filter: object;
  readonly options: object;
} {
  const range = { $gte: BigInt(start), ...(stop === undefined ? {} : { $lte: BigInt(stop) }) };
  return {
    filter: { _id: range, ...(topics.length === 0 ? {} : { topic: { $in: [...topics] } }) },
    options: { sort: { _id: 1 }, limit },
  };
}

/** @throws DataError (`DATA_ERROR`) when a document is not one that a recorder can have written */
export function toNotification(document: MongoDocument): Notification {
  return { id: toSafeInteger(document, '_id'), ...toStoredEvent(document) };
}

/** @throws DataError (`DATA_ERROR`) when a document is not one that a recorder can have written */
export function toStoredEvent(document: MongoDocument): StoredEvent {
  return {
    originatorId: toText(document, 'originatorId'),
    originatorVersion: toSafeInteger(document, 'originatorVersion'),
    topic: toText(document, 'topic'),
    state: toBytes(document, 'state'),
  };
}

/** @throws DataError (`DATA_ERROR`) when a field is no integer, or beyond 2^53 - 1 */
export function toSafeInteger(document: MongoDocument, field: string): number {
  const value = document[field];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw unreadable(field, 'a safe integer', value);
}

/** @throws DataError (`DATA_ERROR`) when a field is no text */
export function toText(document: MongoDocument, field: string): string {
  const value = document[field];
  if (typeof value === 'string') return value;
  throw unreadable(field, 'a text', value);
}

/**
 * Bytes that are the reader's own: the driver's share the memory of a whole answer.
 *
 * @throws DataError (`DATA_ERROR`) when a field is no binary data
 */
export function toBytes(document: MongoDocument, field: string): Uint8Array {
  const value = document[field];
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw unreadable(field, 'binary data', value);
}

function unreadable(field: string, expected: string, value: unknown): DataError {
  return new DataError(`The field ${field} of a document must be ${expected}, but is of type ${typeof value}.`, {
    details: { field, expected },
  });
}
