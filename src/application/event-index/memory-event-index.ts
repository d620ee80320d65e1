import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import { duplicate, positionTaken } from './event-index-errors.js';
import { FOUND_EVENTS_DEFAULT, toIndexedEvent, validateFilter, validateQuery } from './event-index.js';
import type {
  CaughtUp,
  EventIndex,
  EventIndexFilter,
  EventQuery,
  IndexedEvent,
  IndexedLog,
  TextOf,
} from './event-index.js';
import { readableEvent } from './readable-event.js';
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import { throwIfAborted } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { wordsOf } from './search-words.js';
import { validateFunctions, validateList } from '../../persistence/validation.js';

// Events that are read at once.
const PAGE_EVENTS = 500;

const EQUAL = ['actorId', 'correlationId', 'tenantId', 'aggregateType', 'aggregateId', 'eventType'] as const;

/** Options of {@link MemoryEventIndex}. */
export interface MemoryEventIndexOptions {
  /** What of an event can be found by `find({ text })`. @defaultValue nothing */
  readonly textOf?: TextOf;
}

/** An index that is gone with the process, as the memory recorder's events are: for tests. */
export class MemoryEventIndex implements EventIndex {
  readonly #byId = new Map<string, IndexedEvent>();
  readonly #positions = new Set<NotificationId>();
  readonly #words = new Map<string, readonly string[]>();
  /** Ids of transactions that have not ended. */
  readonly #reserved = new Set<string>();
  readonly #textOf: TextOf;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor({ textOf = () => '' }: MemoryEventIndexOptions = {}) {
    validateFunctions({ textOf });
    this.#textOf = textOf;
  }

  /** Refuses; events are added at the commit, because memory has no transactions to join. */
  async onRecorded(
    { onEnded }: Pick<RecorderTransaction<unknown>, 'onEnded'>,
    events: readonly NotifiedEvent[],
  ): Promise<void> {
    await Promise.resolve();
    this.#assertNew(events);
    const ids = events.map(({ metadata }) => metadata.eventId);
    // Until then others could come in between: the index would be asked before it was told.
    onEnded?.((outcome) => {
      for (const id of ids) this.#reserved.delete(id);
      if (outcome === 'committed') this.onCommitted(events);
    });
    if (onEnded !== undefined) for (const id of ids) this.#reserved.add(id);
  }

  onCommitted(events: readonly NotifiedEvent[]): void {
    for (const event of events) {
      this.#byId.set(event.metadata.eventId, toIndexedEvent(event));
      this.#positions.add(event.notificationId);
      this.#words.set(event.metadata.eventId, wordsOf(this.#textOf(event)));
    }
  }

  async add(events: readonly NotifiedEvent[], { signal }: CallOptions = {}): Promise<void> {
    validateList('events', events);
    await Promise.resolve();
    throwIfAborted(signal);
    const missing = events.filter(
      ({ metadata, notificationId }) => this.#byId.get(metadata.eventId)?.notificationId !== notificationId,
    );
    this.#assertNew(missing);
    this.onCommitted(missing);
  }

  async catchUp(log: IndexedLog, { signal }: CallOptions = {}): Promise<CaughtUp> {
    let [added, unreadable] = [0, 0];
    for (let isMore = true, start = 1; isMore;) {
      signal?.throwIfAborted();
      const page = await log.recorder.selectNotifications({ start, limit: PAGE_EVENTS });
      for (const notification of page) {
        if (this.#positions.has(notification.id)) continue;
        const event = await readableEvent(log, notification);
        const isNew = event !== undefined && !this.#byId.has(event.metadata.eventId);
        if (isNew) this.onCommitted([event]);
        added += isNew ? 1 : 0;
        unreadable += isNew ? 0 : 1;
      }
      isMore = page.length === PAGE_EVENTS;
      start = (page.at(-1)?.id ?? 0) + 1;
    }
    return { added, unreadable };
  }

  async hasEvent(eventId: string, { signal }: CallOptions = {}): Promise<boolean> {
    await Promise.resolve();
    throwIfAborted(signal);
    return this.#byId.has(eventId);
  }

  async findEvent(eventId: string, { signal }: CallOptions = {}): Promise<IndexedEvent | undefined> {
    await Promise.resolve();
    throwIfAborted(signal);
    return this.#byId.get(eventId);
  }

  async find(filter: EventIndexFilter): Promise<readonly IndexedEvent[]> {
    await Promise.resolve();
    validateFilter(filter);
    throwIfAborted(filter.signal);
    return [...this.#byId.values()]
      .filter((event) => fits(event, filter) && this.#hasText(event, filter.text))
      .sort((one, other) => one.notificationId - other.notificationId)
      .slice(0, filter.limit ?? FOUND_EVENTS_DEFAULT);
  }

  async between(
    range: { readonly from: Date; readonly to: Date },
    page: Pick<EventIndexFilter, 'after' | 'limit' | 'signal'> = {},
  ): Promise<readonly IndexedEvent[]> {
    return await this.find({ ...page, from: range.from, to: range.to });
  }

  async *notifications(
    query: EventQuery,
    log: Pick<ApplicationRecorder, 'selectNotifications'>,
  ): AsyncGenerator<Notification, void, undefined> {
    validateQuery(query);
    const { topics = [], stop = Infinity } = query;
    let left = query.limit ?? Infinity;
    const ids = [...this.#byId.values()]
      .filter((event) => event.notificationId <= stop && fits(event, query))
      .map(({ notificationId }) => notificationId)
      .sort((one, other) => one - other);
    for (const id of ids) {
      throwIfAborted(query.signal);
      if (left <= 0) return;
      for (const notification of await log.selectNotifications({ start: id, stop: id, limit: 1, topics })) {
        left -= 1;
        yield notification;
      }
    }
  }

  #hasText({ eventId }: IndexedEvent, text: string | undefined): boolean {
    const words = this.#words.get(eventId) ?? [];
    return text === undefined || wordsOf(text).every((prefix) => words.some((word) => word.startsWith(prefix)));
  }

  #assertNew(events: readonly NotifiedEvent[]): void {
    const taken = events.find(({ notificationId }) => this.#positions.has(notificationId));
    if (taken !== undefined) throw positionTaken(taken.notificationId);
    const ids = events.map(({ metadata }) => metadata.eventId);
    const eventId = ids.find((id) => this.#byId.has(id) || this.#reserved.has(id)) ?? firstRepeated(ids);
    if (eventId !== undefined) throw duplicate(eventId);
  }
}

function firstRepeated(ids: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) return id;
    seen.add(id);
  }
  return undefined;
}

function fits(event: IndexedEvent, filter: EventQuery | EventIndexFilter): boolean {
  const { after = 0, from, to } = filter;
  const conditions: Partial<Readonly<Record<(typeof EQUAL)[number], string | undefined>>> = filter;
  const atMs = event.occurredAt?.getTime();
  return (
    event.notificationId > after &&
    EQUAL.every((key) => conditions[key] === undefined || conditions[key] === event[key]) &&
    (from === undefined || (atMs !== undefined && atMs >= from.getTime())) &&
    (to === undefined || (atMs !== undefined && atMs < to.getTime()))
  );
}
