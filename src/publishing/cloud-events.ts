/**
 * Messages in the form of CloudEvents 1.0.
 *
 * ```text
 * id               the id of the event
 * source           the application, by default `daybook`
 * type             the type of the event
 * subject          the aggregate
 * time             when it occurred
 * datacontenttype  application/json
 * data             the data of the event
 * extensions       aggregatetype, sequence (the position in the aggregate), schemaversion, notificationid,
 *                  actorid, correlationid, causationid, tenantid
 * ```
 *
 * Source: CloudEvents, version 1.0.2: specification, JSON event format, HTTP protocol binding.
 *
 * @module
 */
import { DESTINATION_DEFAULT, destinationOf, validateDestination } from '../application/outbox/message-format.js';
import { ProgrammingError } from '../persistence/errors.js';
import { validateWord } from '../persistence/validation.js';
import { defaultTranscoder } from '../persistence/mapping/default-transcoder.js';
import type { MessageFormat, MessageFormatOptions } from '../application/outbox/message-format.js';
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { OutboundMessage } from '../application/outbox/publisher.js';

const SOURCE_DEFAULT = 'daybook';

/** Options of {@link cloudEvents}. */
export interface CloudEventsOptions extends MessageFormatOptions {
  /** A URI reference that names the application; together with the id it is unique. @defaultValue `daybook` */
  readonly source?: string;
  /**
   * `structured`: everything is in the body. `binary`: the data is the body, everything else is in headers that begin
   * with `ce-`. The binding for NATS knows only the structured one, and signed webhooks are of the structured one only:
   * a signature does not cover headers.
   *
   * @defaultValue `structured`
   */
  readonly mode?: 'structured' | 'binary';
}

/**
 * Messages in the form of CloudEvents 1.0, for an `OutboxWorker`.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such mode, or the source is empty
 */
export function cloudEvents(options: CloudEventsOptions = {}): MessageFormat {
  const { source = SOURCE_DEFAULT, mode = 'structured', destination = DESTINATION_DEFAULT } = options;
  const { transcoder = defaultTranscoder() } = options;
  validateWord('mode', mode, ['structured', 'binary']);
  validateDestination(destination);
  // The attribute would be left out, and nobody takes an event without it.
  if (typeof source !== 'string' || source === '')
    throw new ProgrammingError('The source of CloudEvents must not be empty.');
  return async (event): Promise<OutboundMessage> => {
    const attributes = attributesOf(event, source);
    const message = { id: event.metadata.eventId, destination: destinationOf(destination, event) };
    if (mode === 'binary') {
      const headers = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]);
      return {
        ...message,
        headers: Object.fromEntries(headers) as Record<string, string>,
        contentType: 'application/json',
        body: await transcoder.encode(event.data),
      };
    }
    return {
      ...message,
      headers: {},
      contentType: 'application/cloudevents+json; charset=UTF-8',
      body: await transcoder.encode({ ...attributes, datacontenttype: 'application/json', data: event.data }),
    };
  };
}

/** The context attributes but `datacontenttype`, which is the media type of the body in binary mode. */
function attributesOf(event: NotifiedEvent, source: string): Readonly<Record<string, string | number>> {
  const { metadata } = event;
  const attributes = {
    specversion: '1.0',
    id: metadata.eventId,
    source,
    type: event.type,
    subject: event.originatorId,
    time: metadata.occurredAt?.toISOString(),
    aggregatetype: event.aggregateType,
    // Integers of CloudEvents have 32 bits; what may become larger is a text.
    sequence: String(event.originatorVersion),
    schemaversion: metadata.schemaVersion,
    notificationid: String(event.notificationId),
    actorid: metadata.actorId,
    correlationid: metadata.correlationId,
    causationid: metadata.causationId,
    tenantid: metadata.tenantId,
  };
  const isPresent = ([, value]: [string, unknown]): boolean => value !== undefined && value !== '';
  return Object.fromEntries(Object.entries(attributes).filter(isPresent)) as Record<string, string | number>;
}
