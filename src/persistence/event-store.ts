/**
 * Domain events in and out of a recorder.
 *
 * @module
 */
import type { DomainEvent } from '../domain/domain-event.js';
import { TopicError } from './errors.js';
import type { EventMapper } from './mapper.js';
import type { AggregateRecorder, InsertEventsOptions, ProcessRecorder, SelectEventsOptions } from './recorder.js';
import type { OriginatorId, Recording, StoredEvent } from './stored-event.js';

/** What an {@link EventStore} is made of. */
export interface EventStoreOptions<E extends DomainEvent> {
  readonly mapper: EventMapper<E>;
  /** Where the events go. Tracking records need a process recorder. */
  readonly recorder: AggregateRecorder | ProcessRecorder;
  /** What to do with an event whose topic the mapper does not know: `throw`, or `skip` it. @defaultValue `'throw'` */
  readonly unknownTopic?: 'throw' | 'skip';
}

/**
 * Stores and reads the domain events of aggregates.
 *
 * @example
 * ```ts
 * const events = new EventStore<StockEvent>({
 *   mapper: new Mapper({ transcoder: new JSONTranscoder() }),
 *   recorder: daybook.recorder,
 * });
 * await events.put([{ originatorId, originatorVersion: 1, type: 'stock:Item.Counted', data: { quantity: 12 } }]);
 * const history = await events.get(originatorId);
 * ```
 */
export class EventStore<E extends DomainEvent = DomainEvent> {
  readonly #mapper: EventMapper<E>;
  readonly #recorder: ProcessRecorder;
  readonly #skipsUnknownTopics: boolean;

  constructor(options: EventStoreOptions<E>) {
    this.#mapper = options.mapper;
    // An aggregate recorder takes no tracking and gives no ids; both are seen to below.
    this.#recorder = options.recorder as ProcessRecorder;
    this.#skipsUnknownTopics = options.unknownTopic === 'skip';
  }

  /**
   * Records all events, or none.
   *
   * @returns a recording for each event, in their order; none when the recorder has no application sequence
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken
   */
  async put(events: readonly E[], options: InsertEventsOptions = {}): Promise<readonly Recording<E>[]> {
    const storedEvents = await Promise.all(events.map((event) => this.#mapper.toStoredEvent(event)));
    const ids = (await this.#recorder.insertEvents(storedEvents, options)) as readonly number[] | undefined;
    return (ids ?? []).map((id, index) => ({
      domainEvent: events[index] as E,
      notification: { id, ...(storedEvents[index] as (typeof storedEvents)[number]) },
    }));
  }

  /**
   * Reads an aggregate's events, by version.
   *
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when one of them cannot be read
   */
  async get(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly E[]> {
    const storedEvents = await this.#recorder.selectEvents(originatorId, options);
    const events = await Promise.all(storedEvents.map((stored) => this.#toDomainEvent(stored)));
    return events.filter((event) => event !== undefined);
  }

  async #toDomainEvent(stored: StoredEvent): Promise<E | undefined> {
    try {
      return await this.#mapper.toDomainEvent(stored);
    } catch (error) {
      if (this.#skipsUnknownTopics && error instanceof TopicError) return undefined;
      throw error;
    }
  }
}
