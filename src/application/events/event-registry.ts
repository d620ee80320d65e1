/**
 * Which events an application knows, by their topics and by their types.
 *
 * @module
 */
import { EventHandlerError } from '../../domain/domain-errors.js';
import { eventTopic } from '../../domain/event-topic.js';
import type { EventVersions } from '../../domain/event-versions.js';
import type { MessageDefinitions } from '../../domain/message-types.js';
import type { AnyPersonalFields } from '../../domain/personal-data.js';
import type { StandardSchema } from '../../domain/standard-schema.js';
import { ProgrammingError, TopicError } from '../../persistence/errors.js';
import { validateVersions } from '../../persistence/mapping/upcasting.js';
import { validateList } from '../../persistence/validation.js';

/** A type of aggregate, as far as its events go: deciders and aggregate classes are such. */
export interface EventSource {
  /** The type of the aggregate. */
  readonly name: string;
  readonly events: MessageDefinitions;
}

/** One type of event of one type of aggregate. */
export interface RegisteredEvent {
  readonly aggregateType: string;
  readonly type: string;
  /** What it is stored under. */
  readonly topic: string;
  readonly schema: StandardSchema<unknown, object> | undefined;
  readonly versions: EventVersions;
  /** As the definition says. */
  readonly isCommutative: boolean;
  readonly personal: AnyPersonalFields | undefined;
}

/** Which topics to name. What is left out selects everything. */
export interface TopicSelection {
  /** Types of aggregates. */
  readonly aggregateTypes?: readonly string[] | undefined;
  /** Types of events. */
  readonly types?: readonly string[] | undefined;
}

const FIRST_VERSION: EventVersions = { version: 1, upcasts: {} };
const NO_TOPIC = { topic: undefined };

/** The events of the aggregates of an application. */
export class EventRegistry {
  readonly #byTopic = new Map<string, RegisteredEvent>();
  readonly #byAggregate = new Map<string, ReadonlyMap<string, RegisteredEvent>>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when two aggregates have one name, or the versions of an event have a
   *   gap
   * @throws TopicError (`TOPIC_ERROR`) when two events have one topic
   */
  constructor(sources: readonly EventSource[]) {
    validateList('sources', sources);
    for (const source of sources) this.#add(source);
  }

  /** @throws TopicError (`TOPIC_ERROR`) when no event is registered under the topic */
  byTopic(topic: string): RegisteredEvent {
    const registered = this.#byTopic.get(topic);
    if (registered === undefined) {
      throw new TopicError(`No aggregate of this application has an event of the topic ${topic}.`, {
        details: { topic },
      });
    }
    return registered;
  }

  /** Whether an event is registered under the topic. */
  hasTopic(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  /** The type of aggregate that a topic is made of, whether it has such an event or not; `undefined` where it is none's. */
  ownerOf(topic: string): string | undefined {
    return [...this.#byAggregate.keys()].find((name) => topic.startsWith(eventTopic(name, '', NO_TOPIC)));
  }

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the aggregate is not one of the application's
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the aggregate has no such event
   */
  byType(aggregateType: string, type: string): RegisteredEvent {
    const registered = this.#eventsOf(aggregateType).get(type);
    if (registered === undefined) {
      throw new EventHandlerError(`The aggregate ${aggregateType} has no event ${type}. Nothing was stored.`, {
        details: { aggregateType, type },
      });
    }
    return registered;
  }

  /**
   * The topics of a selection, in the order of the registration.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing has the name of an aggregate or an event
   */
  topics({ aggregateTypes, types }: TopicSelection = {}): readonly string[] {
    const events = (aggregateTypes ?? [...this.#byAggregate.keys()]).flatMap((name) => [
      ...this.#eventsOf(name).values(),
    ]);
    const unknown = types?.find((type) => !events.some((event) => event.type === type));
    if (unknown !== undefined) throw new ProgrammingError(`No aggregate that was asked for has an event ${unknown}.`);
    return events.filter(({ type }) => types?.includes(type) ?? true).map(({ topic }) => topic);
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the aggregate is not one of the application's */
  assertKnows(aggregateType: string): void {
    this.#eventsOf(aggregateType);
  }

  #eventsOf(aggregateType: string): ReadonlyMap<string, RegisteredEvent> {
    const events = this.#byAggregate.get(aggregateType);
    if (events !== undefined) return events;
    throw new ProgrammingError(
      `The aggregate ${aggregateType} is not one of this application's: name it in its option "aggregates".`,
    );
  }

  #add({ name, events }: EventSource): void {
    if (this.#byAggregate.has(name)) throw new ProgrammingError(`Two aggregates have the name ${name}.`);
    const own = new Map<string, RegisteredEvent>();
    for (const [type, definition] of Object.entries(events)) {
      const { schema, versions = FIRST_VERSION, isCommutative, personal } = definition;
      const topic = eventTopic(name, type, definition);
      validateVersions(topic, versions);
      const registered = { aggregateType: name, type, topic, schema, versions, isCommutative, personal };
      this.#addTopic(registered);
      own.set(type, registered);
    }
    this.#byAggregate.set(name, own);
  }

  #addTopic(registered: RegisteredEvent): void {
    const { topic } = registered;
    if (this.#byTopic.has(topic)) throw new TopicError(`Two events have the topic ${topic}.`, { details: { topic } });
    this.#byTopic.set(topic, registered);
  }
}
