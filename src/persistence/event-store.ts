/**
 * Domain events in and out of a recorder.
 *
 * @module
 */
import type { DomainEvent } from '../domain/domain-event.js';
import { ProgrammingError, TopicError } from './errors.js';
import type { EventMapper } from './event-mapper.js';
import { heeding, throwIfAborted } from './heed-signal.js';
import type { CallOptions } from './heed-signal.js';
import { readPage } from './notification-pages.js';
import type { AggregateRecorder, InsertEventsOptions, ProcessRecorder, SelectEventsOptions } from './recorder.js';
import { validateCount, validateWord } from './validation.js';
import type { NotificationId, OriginatorId, Recording, StoredEvent } from './stored-event.js';

// Bounds the memory of a reader; larger pages are hardly faster.
const PAGE_SIZE_DEFAULT = 500;

/** What {@link EventStore.readAll} reads. */
export interface ReadAllOptions extends CallOptions {
  /** Only after this notification (exclusive). @defaultValue 0: from the beginning */
  readonly gt?: NotificationId;
  /** Up to this notification (inclusive). @defaultValue no bound */
  readonly stop?: NotificationId;
  /** Only these topics; they are filtered in the store. @defaultValue any */
  readonly topics?: readonly string[];
  /** Events that are read at once. @defaultValue 500 */
  readonly pageSize?: number;
}

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

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when `unknownTopic` is neither word */
  constructor(options: EventStoreOptions<E>) {
    validateWord('unknownTopic', options.unknownTopic, ['throw', 'skip']);
    this.#mapper = options.mapper;
    // What it does not support is refused below.
    this.#recorder = options.recorder as ProcessRecorder;
    this.#skipsUnknownTopics = options.unknownTopic === 'skip';
  }

  /**
   * Records all events, or none.
   *
   * @returns a recording for each event, in their order; none when the recorder has no application sequence
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is a tracking record, and the recorder keeps none
   */
  async put(events: readonly E[], options: InsertEventsOptions = {}): Promise<readonly Recording<E>[]> {
    if (options.tracking !== undefined && this.#recorder.supports?.tracking !== true) {
      throw new ProgrammingError(
        'This recorder keeps no tracking records: use a process recorder. Nothing was stored.',
      );
    }
    throwIfAborted(options.signal);
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

  /**
   * Reads the whole application's events in the order in which they were recorded, page by page, as they are asked for.
   *
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when one of them cannot be read
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the recorder has no application sequence, or the size of a page
   *   is no positive integer
   *
   * @example
   * ```ts
   * for await (const { domainEvent, notification } of events.readAll({ topics: ['stock:Item.Counted'] })) { … }
   * ```
   */
  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<Recording<E>, void, undefined> {
    if (this.#recorder.supports?.notifications !== true) {
      throw new ProgrammingError('This recorder has no application sequence: it records aggregates only.');
    }
    const { gt = 0, stop: head, pageSize: limit = PAGE_SIZE_DEFAULT, signal, ...selection } = options;
    validateCount('pageSize', limit);
    for (let after = gt; ;) {
      const page = { after, head, limit, ...selection };
      const { notifications, to, isFull } = await heeding(signal, () => readPage(this.#recorder, page));
      for (const notification of notifications) {
        const domainEvent = await this.#toDomainEvent(notification);
        signal?.throwIfAborted();
        if (domainEvent !== undefined) yield { domainEvent, notification };
      }
      if (!isFull) return;
      after = to;
    }
  }

  /** The version of an aggregate's last event, or 0 when it has none. */
  async streamVersion(originatorId: OriginatorId, options: CallOptions = {}): Promise<number> {
    const [last] = await this.#recorder.selectEvents(originatorId, { ...options, desc: true, limit: 1 });
    return last?.originatorVersion ?? 0;
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
