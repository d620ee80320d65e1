/**
 * Messages made of events.
 *
 * @module
 */
import { defaultTranscoder } from '../../persistence/mapping/default-transcoder.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { metadataTexts, toOutboundEnvelope } from './outbound-envelope.js';
import type { OutboundMessage } from './publisher.js';
import { validateFunction } from '../../persistence/validation.js';

/** Where messages go when nothing else is said. */
export const DESTINATION_DEFAULT = 'daybook.events';

/** Makes the message of an event. The same event must give the same message: it may be sent more than once. */
export type MessageFormat = (event: NotifiedEvent) => OutboundMessage | Promise<OutboundMessage>;

/** Options of {@link envelopeMessages}. */
export interface MessageFormatOptions {
  /** The subject, topic or channel, or how to tell it from an event. @defaultValue `daybook.events` */
  readonly destination?: string | ((event: NotifiedEvent) => string);
  /** Writes JSON. @defaultValue a `JSONTranscoder` that knows UUIDs, dates and decimals */
  readonly transcoder?: Transcoder;
}

/**
 * Messages whose body is the event with everything that is known of it, as JSON.
 *
 * Headers: `aggregate_id`, `aggregate_type`, `sequence` (position in the aggregate), `version` (of the payload's shape),
 * `event_type`, `tenant_id` where there is one, and the metadata that are texts: `actor_id`, `correlation_id`,
 * `causation_id`, and those of the application's own (`attributes`), unless a name is one of these.
 */
export function envelopeMessages(options: MessageFormatOptions = {}): MessageFormat {
  const { destination = DESTINATION_DEFAULT, transcoder = defaultTranscoder() } = options;
  validateDestination(destination);
  return async (event) => ({
    id: event.metadata.eventId,
    destination: destinationOf(destination, event),
    headers: messageHeaders(event),
    contentType: 'application/json',
    body: await transcoder.encode(toOutboundEnvelope(event)),
  });
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is neither a text nor a function */
export function validateDestination(destination: unknown): void {
  if (typeof destination !== 'string') validateFunction('destination', destination);
}

/** Tells where an event goes. */
export function destinationOf(destination: string | ((event: NotifiedEvent) => string), event: NotifiedEvent): string {
  return typeof destination === 'string' ? destination : destination(event);
}

function messageHeaders(event: NotifiedEvent): Readonly<Record<string, string>> {
  const { metadata } = event;
  return {
    ...metadataTexts(metadata),
    aggregate_id: event.originatorId,
    aggregate_type: event.aggregateType,
    sequence: String(event.originatorVersion),
    version: String(metadata.schemaVersion),
    event_type: event.type,
    ...(metadata.tenantId === undefined ? {} : { tenant_id: metadata.tenantId }),
  };
}
