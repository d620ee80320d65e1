import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import { duplicate, positionTaken } from './event-index-errors.js';
import { FOUND_EVENTS_DEFAULT, toIndexedEvent, validateFilter } from './event-index.js';
import type { EventIndex, EventIndexFilter, IndexedEvent, TextOf } from './event-index.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { wordsOf } from './search-words.js';

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

  async add(events: readonly NotifiedEvent[]): Promise<void> {
    await Promise.resolve();
    const missing = events.filter(
      ({ metadata, notificationId }) => this.#byId.get(metadata.eventId)?.notificationId !== notificationId,
    );
    this.#assertNew(missing);
    this.onCommitted(missing);
  }

  async hasEvent(eventId: string): Promise<boolean> {
    await Promise.resolve();
    return this.#byId.has(eventId);
  }

  async findEvent(eventId: string): Promise<IndexedEvent | undefined> {
    await Promise.resolve();
    return this.#byId.get(eventId);
  }

  async find(filter: EventIndexFilter): Promise<readonly IndexedEvent[]> {
    await Promise.resolve();
    validateFilter(filter);
    return [...this.#byId.values()]
      .filter((event) => fits(event, filter) && this.#hasText(event, filter.text))
      .sort((one, other) => one.notificationId - other.notificationId)
      .slice(0, filter.limit ?? FOUND_EVENTS_DEFAULT);
  }

  async between(
    range: { readonly from: Date; readonly to: Date },
    page: Pick<EventIndexFilter, 'after' | 'limit'> = {},
  ): Promise<readonly IndexedEvent[]> {
    return await this.find({ ...page, from: range.from, to: range.to });
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

function fits(event: IndexedEvent, filter: EventIndexFilter): boolean {
  const { after = 0, from, to } = filter;
  const atMs = event.occurredAt?.getTime();
  return (
    event.notificationId > after &&
    EQUAL.every((key) => filter[key] === undefined || filter[key] === event[key]) &&
    (from === undefined || (atMs !== undefined && atMs >= from.getTime())) &&
    (to === undefined || (atMs !== undefined && atMs < to.getTime()))
  );
}
