/**
 * Reads aggregates and their histories.
 *
 * @module
 */
import { heeding } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { AggregateClass, AggregateRoot } from '../../domain/aggregate-class.js';
import type { DefinedDecider } from '../../domain/decider.js';
import { EventHandlerError } from '../../domain/domain-errors.js';
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { Message } from '../../domain/message-types.js';
import type { AggregateRecorder, SelectEventsOptions } from '../../persistence/recorder.js';
import { isAggregateClass, kindOf } from './aggregate-kind.js';
import type { AggregateDefinition, AggregateKind } from './aggregate-kind.js';
import type { AggregateLoader } from './aggregate-loader.js';
import type { ObjectEditions } from './object-editions.js';
import type { WholeHistory } from './older-events.js';
import type { LoadedAggregate } from './snapshot-codec.js';
import { AggregateNotFoundError } from './application-errors.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { EventRegistry } from '../events/event-registry.js';

/** A decider's aggregate at a version. */
export interface Loaded<State> {
  readonly id: string;
  /** How many events it has had; 0 for one that has none. */
  readonly version: number;
  readonly state: State;
}

/** Options of {@link Repository.load}. */
export interface LoadOptions extends CallOptions {
  /** As it was at this version. @defaultValue as it is */
  readonly version?: number | undefined;
}

/** What a {@link Repository} is made of. */
export interface RepositoryOptions {
  readonly loader: AggregateLoader;
  readonly recorder: AggregateRecorder;
  /** Where history may have left. */
  readonly history: WholeHistory;
  readonly registry: EventRegistry;
  readonly mapper: EventEnvelopeMapper;
  /** Takes what objects stand in. */
  readonly editions: ObjectEditions;
}

/** What a definition is loaded as: the state of a decider with its version, or an instance of a class. */
export type LoadedAs<Definition> =
  Definition extends AggregateClass<infer Root>
    ? Root
    : Definition extends DefinedDecider<infer State, infer _Command, infer _Event>
      ? Loaded<State>
      : never;

/** The union of the events of a definition. */
export type EventsOf<Definition> =
  Definition extends AggregateClass<AggregateRoot<infer Event>>
    ? Event
    : Definition extends { evolve(state: never, event: infer Event extends Message): unknown }
      ? Event
      : never;

/** Reads the aggregates of an application. */
export class Repository {
  readonly #options: RepositoryOptions;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: RepositoryOptions) {
    this.#options = options;
  }

  /**
   * An aggregate as it is, or as it was at a version.
   *
   * @throws AggregateNotFoundError (`AGGREGATE_NOT_FOUND`) when it has no events, or none up to the version
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when a row is not of this aggregate, is of another type of
   *   aggregate, or a version is missing; nothing of it is given
   * @throws ApplicationTooOldError (`APPLICATION_TOO_OLD`) when a newer release of the application has recorded a row
   * @throws TopicError (`TOPIC_ERROR`), MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when a row cannot be
   *   read for another reason
   *
   * @example
   * ```ts
   * const { version, state } = await app.repository.load(order, orderId);
   * const before = await app.repository.load(order, orderId, { version: version - 1 });
   * const dog = await app.repository.load(Dog, Dog.createId('Fido'));
   * ```
   */
  async load<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string,
    { version, signal }: LoadOptions = {},
  ): Promise<LoadedAs<Definition>> {
    const kind = kindOf(definition);
    const aggregate = await heeding(signal, () => this.#options.loader.load(kind, id, version));
    if (aggregate.version === 0) throw notFound(kind, id, version);
    return this.#asLoaded(definition, aggregate);
  }

  /** As {@link Repository.load}: for those who are used to `get`. */
  async get<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string,
    options: LoadOptions = {},
  ): Promise<LoadedAs<Definition>> {
    return await this.load(definition, id, options);
  }

  /** As {@link Repository.load}, or as it is before its first event when it has none. */
  async loadOrCreate<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string,
    { signal }: CallOptions = {},
  ): Promise<LoadedAs<Definition>> {
    const load = (): Promise<LoadedAggregate> => this.#options.loader.load(kindOf(definition), id);
    return this.#asLoaded(definition, await heeding(signal, load));
  }

  /**
   * Whether there are events of an aggregate.
   *
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the id is that of another type of aggregate
   */
  async exists(definition: AggregateDefinition, id: string, options?: CallOptions): Promise<boolean> {
    return (await this.versionOf(definition, id, options)) > 0;
  }

  /**
   * The version of an aggregate: 0 when it has no events.
   *
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the id is that of another type of aggregate
   */
  async versionOf(definition: AggregateDefinition, id: string, options?: CallOptions): Promise<number> {
    const { name } = kindOf(definition);
    this.#options.registry.assertKnows(name);
    const [last] = await this.#options.recorder.selectEvents(id, { desc: true, limit: 1, ...options });
    if (last === undefined) return 0;
    const { aggregateType } = this.#options.registry.byTopic(last.topic);
    if (aggregateType !== name) throw ofAnotherType(name, id, aggregateType);
    return last.originatorVersion;
  }

  /**
   * The events of an aggregate with what is known of them, by version. Those that have left the store are asked for where
   * the application has `olderEvents`.
   *
   * @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when some of them have left the store, and nobody can be asked
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the id is that of another type of aggregate
   */
  async history<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string,
    { signal, ...options }: SelectEventsOptions = {},
  ): Promise<readonly RecordedEvent<EventsOf<Definition>>[]> {
    const { name } = kindOf(definition);
    this.#options.registry.assertKnows(name);
    const stored = await heeding(signal, () => this.#options.history.selectEvents(id, options));
    const events = await Promise.all(stored.map((row) => this.#options.mapper.toDomainEvent(row)));
    const foreign = events.find(({ aggregateType }) => aggregateType !== name);
    if (foreign !== undefined) throw ofAnotherType(name, id, foreign.aggregateType);
    return events as readonly unknown[] as readonly RecordedEvent<EventsOf<Definition>>[];
  }

  #asLoaded<Definition extends AggregateDefinition>(
    definition: Definition,
    { id, version, current, edition }: LoadedAggregate,
  ): LoadedAs<Definition> {
    if (!isAggregateClass(definition)) return { id, version, state: current } as LoadedAs<Definition>;
    this.#options.editions.set(current as object, edition);
    return current as LoadedAs<Definition>;
  }
}

function notFound({ name }: AggregateKind, id: string, version: number | undefined): AggregateNotFoundError {
  const upTo = version === undefined ? '' : ` up to version ${version}`;
  return new AggregateNotFoundError(`There are no events of the ${name} ${id}${upTo}.`, {
    details: { aggregateType: name, aggregateId: id, ...(version === undefined ? {} : { version }) },
  });
}

function ofAnotherType(name: string, id: string, actual: string): EventHandlerError {
  return new EventHandlerError(`The aggregate ${id} is no ${name}: it has an event of ${actual}.`, {
    details: { aggregateType: name, aggregateId: id, actual },
  });
}
