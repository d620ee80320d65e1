/**
 * An event with everything that is known of it, under the names that other systems know: the form in which it waits in
 * the outbox, and in which it is published.
 *
 * @module
 */
import type { EventMetadata, MetadataAttributes } from '../../domain/event-metadata.js';
import { DataError } from '../../persistence/errors.js';
import { attributesAmong, METADATA_NAMES } from '../events/metadata-attributes.js';
import type { NotifiedEvent } from '../events/notified-event.js';

/** The fields, all JSON but the payload, which is the event's data as it is. */
export interface OutboundEnvelope {
  readonly event_id: string;
  readonly aggregate_id: string;
  readonly aggregate_type: string;
  /** Position in the aggregate: 1 for the first event. */
  readonly sequence: number;
  readonly event_type: string;
  readonly payload: object;
  /** Who and why, and what is the application's own. */
  readonly metadata: MetadataAttributes;
  /** ISO 8601, in UTC; null when nobody wrote it down. */
  readonly occurred_at: string | null;
  readonly recorded_at: string | null;
  /** Version of the payload's shape. */
  readonly version: number;
  readonly tenant_id: string | null;
  /** Position in the whole application. */
  readonly notification_id: number;
}

/** The texts among an event's metadata, the application's own too, by their names outside. */
export function metadataTexts(metadata: EventMetadata): Readonly<Record<string, string>> {
  const texts = Object.entries(metadataOutside(metadata)).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts) as Record<string, string>;
}

function metadataOutside(metadata: EventMetadata): MetadataAttributes {
  const entries = Object.entries(METADATA_NAMES).map(([key, name]) => [name, metadata[key as keyof EventMetadata]]);
  const known = Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, string>;
  return { ...metadata.attributes, ...known };
}

/** Makes the envelope of an event. */
export function toOutboundEnvelope(event: NotifiedEvent): OutboundEnvelope {
  const { metadata } = event;
  return {
    event_id: metadata.eventId,
    aggregate_id: event.originatorId,
    aggregate_type: event.aggregateType,
    sequence: event.originatorVersion,
    event_type: event.type,
    payload: event.data,
    metadata: metadataOutside(metadata),
    occurred_at: metadata.occurredAt?.toISOString() ?? null,
    recorded_at: metadata.recordedAt?.toISOString() ?? null,
    version: metadata.schemaVersion,
    tenant_id: metadata.tenantId ?? null,
    notification_id: event.notificationId,
  };
}

/**
 * The reverse of {@link toOutboundEnvelope}.
 *
 * @param value - an envelope as it was decoded
 * @throws DataError (`DATA_ERROR`) when it is none
 */
export function fromOutboundEnvelope(value: unknown): NotifiedEvent {
  if (!isEnvelope(value)) throw new DataError('What was read is not the envelope of an event.');
  return {
    type: value.event_type,
    data: value.payload,
    aggregateType: value.aggregate_type,
    originatorId: value.aggregate_id,
    originatorVersion: value.sequence,
    metadata: metadataOf(value),
    notificationId: value.notification_id,
  };
}

function metadataOf(envelope: OutboundEnvelope): EventMetadata {
  const texts = envelope.metadata as Readonly<Record<string, string | undefined>>;
  const { actor_id: actorId, correlation_id: correlationId, causation_id: causationId } = texts;
  const attributes = attributesAmong(envelope.metadata);
  const known = { actorId, correlationId, causationId, tenantId: envelope.tenant_id ?? undefined, attributes };
  return {
    eventId: envelope.event_id,
    occurredAt: toDate(envelope.occurred_at),
    recordedAt: toDate(envelope.recorded_at),
    schemaVersion: envelope.version,
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  };
}

function toDate(iso: string | null): Date | undefined {
  return iso === null ? undefined : new Date(iso);
}

const TEXTS = ['event_id', 'aggregate_id', 'aggregate_type', 'event_type'] as const;
const NUMBERS = ['sequence', 'version', 'notification_id'] as const;
const TIMES = ['occurred_at', 'recorded_at'] as const;
const OBJECTS = ['payload', 'metadata'] as const;

function isEnvelope(value: unknown): value is OutboundEnvelope {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return (
    TEXTS.every((name) => typeof fields[name] === 'string') &&
    NUMBERS.every((name) => Number.isSafeInteger(fields[name]) && (fields[name] as number) >= 0) &&
    OBJECTS.every((name) => typeof fields[name] === 'object' && fields[name] !== null) &&
    TIMES.every((name) => fields[name] === null || isTime(fields[name])) &&
    (fields['tenant_id'] === null || typeof fields['tenant_id'] === 'string') &&
    Object.values(METADATA_NAMES).every((name) => isTextOrNone((fields['metadata'] as MetadataAttributes)[name]))
  );
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
