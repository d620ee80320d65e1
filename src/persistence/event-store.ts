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
import { validateCount, validateInteger, validateList, validateObject, validateWord } from './validation.js';
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

/** What {@link EventStore.stream} reads. */
export interface StreamOptions extends SelectEventsOptions {
  /** Events that are read at once. @defaultValue 500 */
  readonly pageSize?: number;
}

/** Events of an aggregate, as they are read. Each iteration reads them anew. */
export interface EventStream<E> extends AsyncIterable<E> {
  /** All of them at once. */
  toArray(): Promise<E[]>;
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
    validateList('events', events);
    for (const event of events) validateObject('event', event);
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
   * Reads an aggregate's events, by version, page by page, as they are asked for: for histories that are too long to be held
   * at once. What is recorded meanwhile is among them, unless `lte` says otherwise or the newest come first.
   *
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when one of them cannot be read
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the size of a page is no positive integer
   *
   * @example
   * ```ts
   * for await (const event of events.stream(originatorId)) { … }
   * const last = await events.stream(originatorId, { desc: true, limit: 10 }).toArray();
   * ```
   */
  stream(originatorId: OriginatorId, options: StreamOptions = {}): EventStream<E> {
    const iterate = (): AsyncGenerator<E, void, undefined> => this.#stream(originatorId, options);
    return {
      [Symbol.asyncIterator]: iterate,
      async toArray() {
        const events: E[] = [];
        for await (const event of iterate()) events.push(event);
        return events;
      },
    };
  }

  async *#stream(originatorId: OriginatorId, options: StreamOptions): AsyncGenerator<E, void, undefined> {
    const { pageSize = PAGE_SIZE_DEFAULT, limit = Number.MAX_SAFE_INTEGER, desc = false, signal, ...range } = options;
    validateCount('pageSize', pageSize);
    validateInteger('limit', limit, 0);
    let { gt, lte } = range;
    for (let left = limit; ;) {
      const bounds = { ...(gt === undefined ? {} : { gt }), ...(lte === undefined ? {} : { lte }) };
      const page = { ...bounds, desc, limit: Math.min(pageSize, left), signal };
      const stored = await this.#recorder.selectEvents(originatorId, page);
      for (const event of stored) {
        const domainEvent = await this.#toDomainEvent(event);
        signal?.throwIfAborted();
        if (domainEvent !== undefined) yield domainEvent;
      }
      const last = stored.at(-1)?.originatorVersion;
      left -= stored.length;
      if (last === undefined || left === 0 || stored.length < pageSize) return;
      if (desc) lte = last - 1;
      else gt = last;
    }
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
