/**
 * Events as JSON for others: with their position and all that is known of them, under the names that other systems know.
 *
 * @module
 */
import type { StandardSchema } from '../../domain/standard-schema.js';
import { validated } from '../../domain/standard-schema.js';
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

/** Options of {@link decodeEnvelope}. */
export interface DecodeEnvelopeOptions extends EnvelopeOptions {
  /**
   * The schema that the payload of an event must be as: of any Standard Schema library. What it makes of the payload is given.
   *
   * @defaultValue payloads are given as they are
   */
  readonly schemaOf?: (event: NotifiedEvent) => StandardSchema | undefined;
}

/**
 * Reads what {@link encodeEnvelope} wrote with the same transcoder.
 *
 * @throws DataError (`DATA_ERROR`) when it is no envelope: no JSON, or a field is missing or is not what it should be
 * @throws ValidationError (`VALIDATION_ERROR`) when the payload is not as its schema says
 */
export async function decodeEnvelope(text: string, options: DecodeEnvelopeOptions = {}): Promise<NotifiedEvent> {
  const { schemaOf, ...rest } = options;
  const event = await new OutboxEventData(rest).decode(text);
  const schema = schemaOf?.(event);
  if (schema === undefined) return event;
  const what = `the payload of ${event.type} of ${event.aggregateType}`;
  return { ...event, data: (await validated(schema, event.data, what)) as object };
}
