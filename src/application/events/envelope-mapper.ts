/**
 * Events with their metadata to stored events and back, in the table layout of the Python library.
 *
 * ```text
 * column              content
 * originator_id       the aggregate
 * originator_version  the position in it
 * topic               the event's own topic, or <aggregate>:<type>
 * state               { timestamp, …data, metadata_, class_version? }
 *
 * timestamp           when it happened, as the events of the Python library carry it
 * metadata_           { event_id, recorded_at, actor_id?, correlation_id?, causation_id?, tenant_id? }, all texts; and beside
 *                     them, under other names, the application's own (`attributes`), which are any JSON
 * class_version       from version 2 of the event's data on
 * ```
 *
 * Everything that identifies an event among others is in the columns, so the layout need not know of metadata; a Python
 * application that reads the row finds one more attribute. Rows that others wrote have no `metadata_`, and some no
 * `timestamp`: what is not there is `undefined`, and the id is made of the position, see {@link positionEventId}.
 *
 * @module
 */
import { DateTime } from '../../domain/date-time.js';
import type { EventMetadata, RecordedEvent } from '../../domain/event-metadata.js';
import type { EventData } from '../../domain/event-versions.js';
import type { Message } from '../../domain/message-types.js';
import { validated } from '../../domain/standard-schema.js';
import { UUID } from '../../domain/uuid.js';
import type { Cipher } from '../../persistence/mapping/cipher.js';
import type { Compressor } from '../../persistence/mapping/compressor.js';
import { DataError, ProgrammingError } from '../../persistence/errors.js';
import { Mapper, unreadableState } from '../../persistence/mapping/mapper.js';
import type { EventMapper, StoringOptions } from '../../persistence/event-mapper.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import { CLASS_VERSION_KEY, upcast } from '../../persistence/mapping/upcasting.js';
import { withoutUndefined } from '../../util/without-undefined.js';
import type { DataSealer } from './data-sealer.js';
import type { EventRegistry, RegisteredEvent } from './event-registry.js';
import { attributesAmong } from './metadata-attributes.js';
import { ORIGINATOR_ID_LENGTH_MAX, validateInteger, validateText, validateWord } from '../../persistence/validation.js';

/** Keys of the state that are not the event's own. */
export const RESERVED_KEYS: readonly string[] = [
  'timestamp',
  'metadata_',
  CLASS_VERSION_KEY,
  'originator_id',
  'originator_version',
];

/** What an {@link EventEnvelopeMapper} is made of. */
export interface EventEnvelopeMapperOptions {
  readonly registry: EventRegistry;
  /** Knows `DateTime`. */
  readonly transcoder: Transcoder;
  readonly compressor?: Compressor | undefined;
  readonly cipher?: Cipher | undefined;
  /** Whether data that was read is validated by the event's schema, after upcasting. @defaultValue `'never'` */
  readonly validateOnRead?: 'never' | 'always' | undefined;
  /** Seals what is declared as personal. @defaultValue nothing is */
  readonly sealer?: DataSealer | undefined;
}

/** Maps recorded events to stored events: the topic by the registry, the state as above. */
export class EventEnvelopeMapper implements EventMapper<RecordedEvent> {
  readonly #registry: EventRegistry;
  readonly #mapper: Mapper;
  readonly #validates: boolean;
  readonly #sealer: DataSealer | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: EventEnvelopeMapperOptions) {
    const { registry, transcoder, compressor, cipher, validateOnRead, sealer } = options;
    this.#registry = registry;
    this.#mapper = new Mapper({ transcoder, compressor, cipher });
    validateWord('validateOnRead', validateOnRead, ['never', 'always']);
    this.#validates = validateOnRead === 'always';
    this.#sealer = sealer;
  }

  /**
   * @param event - its data is as its schema says: that is seen to before
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the aggregate has no such event
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when its data has one of the {@link RESERVED_KEYS}
   * @throws TranscodingNotRegisteredError (a `TypeError`) when the data has no serialised form
   * @throws what the sealer throws: `SUBJECT_FORGOTTEN`, when somebody was forgotten whom personal fields are about
   */
  async toStoredEvent(event: RecordedEvent, options?: StoringOptions): Promise<StoredEvent> {
    const { originatorId, originatorVersion } = event;
    const { topic, versions, personal } = this.#registry.byType(event.aggregateType, event.type);
    const place = { originatorId, topic };
    const own = (await this.#sealer?.seal(personal, event.data as EventData, place)) ?? event.data;
    const data = stateOf({ ...event, data: own }, topic, versions.version);
    return await this.#mapper.toStoredEvent({ originatorId, originatorVersion, type: topic, data }, options);
  }

  /**
   * @throws TopicError (`TOPIC_ERROR`) when no event is registered under the topic
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when the state cannot be read
   * @throws ValidationError (`VALIDATION_ERROR`) when the data is not as its schema says, and that is asked for
   */
  async toDomainEvent(stored: StoredEvent): Promise<RecordedEvent> {
    const registered = this.#registry.byTopic(stored.topic);
    const state = takeApart(stored, registered, await this.#decoded(stored, registered));
    const { aggregateType, type } = registered;
    const { originatorId, originatorVersion } = stored;
    const data = await this.#validated(registered, state.data);
    return { type, data, aggregateType, originatorId, originatorVersion, metadata: metadataOf(stored, state) };
  }

  /**
   * Reads only what happened, and at once where nothing has to be waited for: what an aggregate is made of again.
   *
   * @throws as {@link EventEnvelopeMapper.toDomainEvent}: directly, when it was read at once
   */
  readMessage(stored: StoredEvent): Message | Promise<Message> {
    const registered = this.#registry.byTopic(stored.topic);
    const decoded = this.#decoded(stored, registered);
    if (decoded instanceof Promise || (this.#validates && registered.schema !== undefined)) {
      return this.#messageLater(stored, registered, decoded);
    }
    return { type: registered.type, data: takeApart(stored, registered, decoded).data };
  }

  /** When an event was recorded, whether this application knows it or not; `undefined` where that is not known. */
  async recordedAt(stored: StoredEvent): Promise<Date | undefined> {
    try {
      return metadataOfState(stored, (await this.#mapper.readDomainEvent(stored)).data).recordedAt;
    } catch {
      return undefined;
    }
  }

  async #messageLater(stored: StoredEvent, registered: RegisteredEvent, decoded: unknown): Promise<Message> {
    const { data } = takeApart(stored, registered, await decoded);
    return { type: registered.type, data: await this.#validated(registered, data) };
  }

  /** The state with nothing sealed; a promise of it, where something has to be waited for. */
  #decoded(stored: StoredEvent, registered: RegisteredEvent): unknown {
    const event = this.#mapper.readDomainEvent(stored);
    if (event instanceof Promise) return event.then(({ data }) => this.#unsealed(stored, registered, data));
    return this.#unsealed(stored, registered, event.data);
  }

  /** What cannot be unsealed for want of a key is an error of its own: it can be read later. */
  #unsealed(stored: StoredEvent, { personal }: RegisteredEvent, decoded: unknown): unknown {
    if (this.#sealer === undefined || typeof decoded !== 'object' || decoded === null) return decoded;
    try {
      const unsealed = this.#sealer.unseal(personal, decoded as EventData, stored);
      return unsealed instanceof Promise ? unsealed.catch((cause: unknown) => rethrown(stored, cause)) : unsealed;
    } catch (cause) {
      return rethrown(stored, cause);
    }
  }

  async #validated({ schema, topic }: RegisteredEvent, data: EventData): Promise<object> {
    return this.#validates && schema !== undefined
      ? validated(schema, data, `the data of ${topic} that was read`)
      : data;
  }
}

/**
 * The id of an event that was recorded without one: the same every time, by its position.
 *
 * @returns a UUID, version 5, of the name `urn:uuid:<aggregate>#<version>` in the namespace of URLs
 */
export function positionEventId(originatorId: string, originatorVersion: number): string {
  validateText('originatorId', originatorId, ORIGINATOR_ID_LENGTH_MAX);
  validateInteger('originatorVersion', originatorVersion, 0);
  return UUID.fromName(UUID.NAMESPACE_URL, `urn:uuid:${originatorId}#${originatorVersion}`).toString();
}

function stateOf(event: RecordedEvent, topic: string, version: number): EventData {
  const { data, metadata } = event;
  const reserved = RESERVED_KEYS.find((key) => Object.hasOwn(data, key));
  if (reserved !== undefined) {
    throw new ProgrammingError(
      `The data of ${topic} has the key ${reserved}, which is reserved. Call it something else. Nothing was stored.`,
      { details: { topic, reserved } },
    );
  }
  const { occurredAt } = metadata;
  return {
    ...(occurredAt === undefined ? {} : { timestamp: DateTime.fromDate(occurredAt) }),
    ...data,
    metadata_: storedMetadata(metadata),
    ...(version === 1 ? {} : { [CLASS_VERSION_KEY]: version }),
  };
}

function storedMetadata(metadata: EventMetadata): EventData {
  const { eventId, recordedAt, actorId, correlationId, causationId, tenantId, attributes } = metadata;
  const stored: EventData = {
    event_id: eventId,
    recorded_at: recordedAt === undefined ? undefined : DateTime.fromDate(recordedAt).toString(),
    actor_id: actorId,
    correlation_id: correlationId,
    causation_id: causationId,
    tenant_id: tenantId,
    ...attributes,
  };
  return withoutUndefined(stored);
}

/** A state without what is not the event's own, which stands beside it. */
interface StateParts {
  readonly data: EventData;
  readonly timestamp: unknown;
  readonly metadata: unknown;
  readonly schemaVersion: number;
}

/** Upcasts see the data alone: one that makes new data would drop the rest. */
function takeApart(stored: StoredEvent, { versions }: RegisteredEvent, decoded: unknown): StateParts {
  try {
    if (typeof decoded !== 'object' || decoded === null) throw new TypeError('the state is no object');
    const { timestamp, metadata_: metadata, class_version: schemaVersion = 1, ...data } = decoded as EventData;
    if (typeof schemaVersion !== 'number') throw new TypeError(`${CLASS_VERSION_KEY} is not a number`);
    const isPresent = schemaVersion === versions.version;
    return { data: isPresent ? data : upcast(data, schemaVersion, versions), timestamp, metadata, schemaVersion };
  } catch (cause) {
    throw unreadableState(stored, cause);
  }
}

function rethrown(stored: StoredEvent, cause: unknown): never {
  throw cause instanceof DataError ? unreadableState(stored, cause) : cause;
}

/**
 * What is known of an event besides what happened, of a state that was decoded: also by who does not know the application's events.
 */
export function metadataOfState(stored: StoredEvent, decoded: unknown): EventMetadata {
  const { timestamp, metadata_: metadata } = (decoded ?? {}) as EventData;
  return metadataOf(stored, { timestamp, metadata, schemaVersion: 1 });
}

function metadataOf(
  stored: StoredEvent,
  { timestamp, metadata, schemaVersion }: Omit<StateParts, 'data'>,
): EventMetadata {
  const texts = typeof metadata === 'object' && metadata !== null ? (metadata as EventData) : {};
  const text = (key: string): string | undefined => {
    const value = texts[key];
    return typeof value === 'string' ? value : undefined;
  };
  const optional = {
    actorId: text('actor_id'),
    correlationId: text('correlation_id'),
    causationId: text('causation_id'),
    tenantId: text('tenant_id'),
    attributes: attributesAmong(texts),
  };
  return {
    eventId: text('event_id') ?? positionEventId(stored.originatorId, stored.originatorVersion),
    occurredAt: instantOf(timestamp),
    recordedAt: instantOf(text('recorded_at')),
    schemaVersion,
    ...withoutUndefined(optional),
  };
}

/** What names no instant, because somebody wrote it without an offset or in another form, is not known. */
function instantOf(value: unknown): Date | undefined {
  if (value instanceof Date) return value;
  try {
    const dateTime = typeof value === 'string' ? DateTime.parse(value) : value;
    return dateTime instanceof DateTime && !dateTime.isNaive ? dateTime.toDate() : undefined;
  } catch {
    return undefined;
  }
}
