/**
 * Events as JSON for others: with their position and all that is known of them, under the names that other systems know.
 *
 * @module
 */
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { OutboxEventData } from './outbox-event-data.js';

/** Options of {@link encodeEnvelope} and {@link decodeEnvelope}. */
export interface EnvelopeOptions {
  /** Writes JSON. @defaultValue a `JSONTranscoder` that knows UUIDs, dates and decimals */
  readonly transcoder?: Transcoder;
}

/**
 * Writes an event as JSON: `event_id`, `aggregate_id`, `aggregate_type`, `sequence` (the position in the aggregate),
 * `event_type`, `payload`, `metadata`, `occurred_at`, `recorded_at`, `version` (of the payload's shape), `tenant_id` and
 * `notification_id`. Times are texts in ISO 8601, in UTC.
 *
 * @throws TranscodingNotRegisteredError (a `TypeError`) when the data has no serialised form
 */
export async function encodeEnvelope(event: NotifiedEvent, options: EnvelopeOptions = {}): Promise<string> {
  return await new OutboxEventData(options).encode(event);
}

/**
 * Reads what {@link encodeEnvelope} wrote with the same transcoder.
 *
 * @throws DataError (`DATA_ERROR`) when it is no envelope
 */
export async function decodeEnvelope(text: string, options: EnvelopeOptions = {}): Promise<NotifiedEvent> {
  return await new OutboxEventData(options).decode(text);
}
