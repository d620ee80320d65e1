/**
 * Domain events to stored events and back.
 *
 * ```text
 * write: data → class_version → transcoder.encode → compressor.compress → cipher.encrypt → state
 * read:  state → cipher.decrypt → compressor.decompress → transcoder.decode → class_version → upcasts → data
 * ```
 *
 * Nothing in a stored event says whether it is compressed or encrypted: everyone who reads a store is configured alike.
 *
 * @module
 */
import type { DomainEvent } from '../../domain/domain-event.js';
import { isEventSourcingError } from '../../domain/errors.js';
import type { EventData, EventVersions } from '../../domain/event-versions.js';
import type { Cipher, CipherPlace } from './cipher.js';
import type { Compressor } from './compressor.js';
import { MapperDeserialisationError, ProgrammingError, TopicError } from '../errors.js';
import type { EventMapper, StoringOptions } from '../event-mapper.js';
import type { StoredEvent } from '../stored-event.js';
import { validateWord } from '../validation.js';
import type { Transcoder } from './transcoder.js';
import { CLASS_VERSION_KEY, upcast, validateVersions } from './upcasting.js';

/**
 * Topic of the Python library's snapshots. Their data is `{ timestamp, topic, state }`, and it is the inner `state` that
 * carries the version of the aggregate class named by the inner `topic`.
 */
export const SNAPSHOT_TOPIC = 'eventsourcing.domain:Snapshot';

/** What a {@link Mapper} is made of. */
export interface MapperOptions {
  readonly transcoder: Transcoder;
  readonly compressor?: Compressor | undefined;
  readonly cipher?: Cipher | undefined;
  /** Event types by topic, with their versions; more can be added by {@link Mapper.registerVersions}. */
  readonly versions?: Readonly<Record<string, EventVersions>>;
  /** The topics that this application knows. @defaultValue any topic */
  readonly topics?: readonly string[];
  /** Together with `topics`: what to do with any other topic on reading: `throw` a `TopicError`, or `keep` the event as it is decoded. @defaultValue `'throw'` */
  readonly unknownTopic?: 'throw' | 'keep';
}

/**
 * Maps domain events to stored events: `type` becomes the topic, `data` the state.
 *
 * @typeParam E - the union of the application's events; what is read is trusted to be one of them
 */
export class Mapper<E extends DomainEvent = DomainEvent> implements EventMapper<E> {
  readonly #options: MapperOptions;
  readonly #versions = new Map<string, EventVersions>();
  readonly #topics: ReadonlySet<string> | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the versions of an event type have a gap, the topics are no list, or `unknownTopic` is neither word, or comes without them */
  constructor(options: MapperOptions) {
    this.#options = options;
    const { topics } = options;
    // A text would be a set of its characters.
    if (topics !== undefined && !Array.isArray(topics)) throw new ProgrammingError('topics must be a list of texts.');
    validateWord('unknownTopic', options.unknownTopic, ['throw', 'keep']);
    if (topics === undefined && options.unknownTopic !== undefined) {
      throw new ProgrammingError(
        'unknownTopic is of no use without topics: there every topic is known. Give them, too.',
      );
    }
    this.#topics = topics === undefined ? undefined : new Set(topics);
    for (const [topic, versions] of Object.entries(options.versions ?? {})) this.registerVersions(topic, versions);
  }

  /**
   * Says which version of an event type is written now, and how older ones become it.
   *
   * @returns this, so that registrations can be chained
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the versions have a gap
   */
  registerVersions(topic: string, versions: EventVersions): this {
    validateVersions(topic, versions);
    this.#versions.set(topic, versions);
    return this;
  }

  /**
   * @throws TranscodingNotRegisteredError (a `TypeError`) when the data has no serialised form
   * @throws TopicError (`TOPIC_ERROR`) when the type is not one of the topics
   */
  async toStoredEvent(event: E, options: StoringOptions = {}): Promise<StoredEvent> {
    const { transcoder, compressor, cipher } = this.#options;
    const { originatorId, originatorVersion, type: topic } = event;
    if (this.#topics?.has(topic) === false) throw unknownTopic(topic, event);
    // What is made at once is not awaited: that would cost more than making it.
    const encoded = transcoder.encode(this.#withVersion(topic, event.data));
    let state = encoded instanceof Uint8Array ? encoded : await encoded;
    if (compressor !== undefined) state = await compressor.compress(state);
    if (cipher !== undefined) state = await cipher.encrypt(state, placeOf(event, topic, options.mayMove));
    return { originatorId, originatorVersion, topic, state };
  }

  /**
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) naming topic, aggregate and version, when the
   *   state cannot be read: damaged, of another key or configuration, of a newer version, or an upcast failed
   * @throws TopicError (`TOPIC_ERROR`) when the topic is unknown and the policy says so
   */
  async toDomainEvent(stored: StoredEvent): Promise<E> {
    return await this.readDomainEvent(stored);
  }

  /**
   * As {@link Mapper.toDomainEvent}, but at once where nothing has to be waited for: without a compressor, a cipher, or
   * a transcoder that needs time. What an aggregate is made of again would otherwise cost a promise for each event.
   *
   * @throws as {@link Mapper.toDomainEvent}: directly, when it was read at once
   */
  readDomainEvent(stored: StoredEvent): E | Promise<E> {
    const { transcoder, compressor, cipher, unknownTopic: policy = 'throw' } = this.#options;
    const { topic } = stored;
    if (policy === 'throw' && this.#topics?.has(topic) === false) throw unknownTopic(topic, stored);
    if (compressor !== undefined || cipher !== undefined) return this.#unpacked(stored);
    try {
      const decoded = transcoder.decode(stored.state);
      if (decoded instanceof Promise) return this.#decodedLater(stored, decoded);
      return this.#domainEvent(stored, decoded);
    } catch (cause) {
      throw unreadableState(stored, cause);
    }
  }

  async #unpacked(stored: StoredEvent): Promise<E> {
    const { transcoder, compressor, cipher } = this.#options;
    try {
      let state = stored.state;
      if (cipher !== undefined) state = await cipher.decrypt(state, placeOf(stored, stored.topic));
      if (compressor !== undefined) state = await compressor.decompress(state);
      return this.#domainEvent(stored, await transcoder.decode(state));
    } catch (cause) {
      throw unreadableState(stored, cause);
    }
  }

  async #decodedLater(stored: StoredEvent, decoding: Promise<unknown>): Promise<E> {
    try {
      return this.#domainEvent(stored, await decoding);
    } catch (cause) {
      throw unreadableState(stored, cause);
    }
  }

  #domainEvent({ originatorId, originatorVersion, topic }: StoredEvent, decoded: unknown): E {
    return { originatorId, originatorVersion, type: topic, data: this.#atPresentVersion(topic, decoded) } as E;
  }

  #withVersion(topic: string, data: unknown): unknown {
    if (isSnapshot(topic, data)) return { ...data, state: this.#withVersion(data.topic, data.state) };
    const versions = this.#versions.get(topic);
    if (versions === undefined) return data;
    if (isObject(data) && Object.hasOwn(data, CLASS_VERSION_KEY)) {
      throw new ProgrammingError(
        `The data of ${topic} has the key ${CLASS_VERSION_KEY}, which says its version. Call it something else. Nothing was stored.`,
        { details: { topic } },
      );
    }
    if (versions.version === 1) return data;
    if (!isObject(data)) throw new ProgrammingError(`The data of ${topic} must be an object to carry its version.`);
    return { ...data, [CLASS_VERSION_KEY]: versions.version };
  }

  #atPresentVersion(topic: string, data: unknown): unknown {
    if (isSnapshot(topic, data)) return { ...data, state: this.#atPresentVersion(data.topic, data.state) };
    const versions = this.#versions.get(topic);
    if (versions === undefined || !isObject(data)) return data;
    const { [CLASS_VERSION_KEY]: stored = 1, ...rest } = data;
    if (typeof stored !== 'number') throw new TypeError(`${CLASS_VERSION_KEY} is not a number`);
    return upcast(rest, stored, versions);
  }
}

function isObject(data: unknown): data is EventData {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

interface SnapshotData extends EventData {
  readonly topic: string;
  readonly state: unknown;
}

function isSnapshot(topic: string, data: unknown): data is SnapshotData {
  return topic === SNAPSHOT_TOPIC && isObject(data) && typeof data['topic'] === 'string';
}

interface EventPlace {
  readonly originatorId: string;
  readonly originatorVersion: number;
}

function placeOf({ originatorId, originatorVersion }: EventPlace, topic: string, mayMove = false): CipherPlace {
  return { originatorId, originatorVersion, topic, mayMove };
}

function unknownTopic(topic: string, event: EventPlace): TopicError {
  const { originatorId, originatorVersion } = event;
  return new TopicError(`The topic ${topic} is not registered with the mapper.`, {
    details: { topic, originatorId, originatorVersion },
  });
}

/** The error of a state that cannot be read, naming topic, aggregate and version. */
export function unreadableState(stored: StoredEvent, cause: unknown): MapperDeserialisationError {
  const { topic, originatorId, originatorVersion } = stored;
  const why = isEventSourcingError(cause) || cause instanceof Error ? cause.message : String(cause);
  return new MapperDeserialisationError(
    `The state of ${topic}, version ${originatorVersion} of aggregate ${originatorId}, cannot be read: ${why}`,
    { cause, details: { topic, originatorId, originatorVersion } },
  );
}
