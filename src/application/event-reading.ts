/**
 * Reads and follows the events of an application: by topics in the log itself, by what is known of them by an index.
 *
 * @module
 */
import type { RecordedEvent } from '../domain/event-metadata.js';
import { heeding } from '../persistence/heed-signal.js';
import { ProgrammingError } from '../persistence/errors.js';
import { EventStore } from '../persistence/event-store.js';
import type { ProcessRecorder, SelectNotificationsOptions } from '../persistence/recorder.js';
import type { ServerRecords } from '../persistence/server-records.js';
import { hasUnitOrder, selectServerRecords } from '../persistence/sql/unit-order.js';
import type { Notification } from '../persistence/stored-event.js';
import type { NotificationSource, OnRecorded } from '../persistence/subscription.js';
import type { EventIndex } from './event-index/event-index.js';
import type { EventEnvelopeMapper } from './events/envelope-mapper.js';
import type { EventRegistry } from './events/event-registry.js';
import type { NotifiedEvent } from './events/notified-event.js';
import { DecodedSubscription, pagedFeed } from './log/event-subscription.js';
import type { EventSubscription, NotificationFeed } from './log/event-subscription.js';
import { READ_OPTIONS, selectedMetadata, selectedTopics, SUBSCRIBE_OPTIONS, validateSelection } from './selection.js';
import type { ReadEventsOptions, SelectedMetadata, SubscribeOptions } from './selection.js';

const PAGE_SIZE = 500;

/** What an {@link EventReading} needs. */
export interface EventReadingOptions {
  readonly recorder: ProcessRecorder;
  readonly registry: EventRegistry;
  readonly mapper: EventEnvelopeMapper;
  readonly index: EventIndex | undefined;
  /** What is followed, where topics say what is wanted. */
  readonly feed: NotificationFeed;
  readonly serverRecords: ServerRecords | undefined;
  /** Tells of news, for what is followed by the index. */
  readonly onRecorded: OnRecorded;
  readonly decode: (notification: Notification) => Promise<NotifiedEvent>;
}

/** Reads the events of one application. */
export class EventReading {
  readonly #options: EventReadingOptions;

  constructor(options: EventReadingOptions) {
    this.#options = options;
  }

  /** As `Application.readAll`. */
  async *readAll(options: ReadEventsOptions): AsyncGenerator<NotifiedEvent, void, undefined> {
    validateSelection(options, READ_OPTIONS);
    const { signal, limit = Infinity } = options;
    const topics = selectedTopics(this.#options.registry, options);
    const metadata = selectedMetadata(options);
    const found =
      metadata === undefined ? this.#inOrder(options, topics) : this.#byIndex(options, { ...metadata, topics });
    const events = options.withServer === true ? withServerRecords(found, this.#serverRecords(), signal) : found;
    signal?.throwIfAborted();
    let left = limit;
    if (left <= 0) return;
    for await (const event of events) {
      signal?.throwIfAborted();
      yield event;
      signal?.throwIfAborted();
      if (--left <= 0) return;
    }
  }

  /** As `Application.subscribe`. */
  subscribe(options: SubscribeOptions): EventSubscription {
    validateSelection(options, SUBSCRIBE_OPTIONS);
    const { gt = 0, signal } = options;
    const topics = selectedTopics(this.#options.registry, options);
    const metadata = selectedMetadata(options);
    const { feed, onRecorded, decode } = this.#options;
    const followed = metadata === undefined ? feed : pagedFeed(this.#source(metadata), onRecorded);
    return new DecodedSubscription(followed, { gt, topics, signal }, decode);
  }

  async *#inOrder(
    { gt = 0, stop, limit = PAGE_SIZE, signal }: ReadEventsOptions,
    topics: readonly string[],
  ): AsyncGenerator<NotifiedEvent, void, undefined> {
    const { mapper, recorder } = this.#options;
    const store = new EventStore<RecordedEvent>({ mapper, recorder });
    const pageSize = Math.max(1, Math.min(limit, PAGE_SIZE));
    const selection = { gt, topics, pageSize, signal, ...(stop === undefined ? {} : { stop }) };
    for await (const { domainEvent, notification } of store.readAll(selection)) {
      yield { ...domainEvent, notificationId: notification.id };
    }
  }

  async *#byIndex(
    { gt, stop, limit, signal }: ReadEventsOptions,
    selected: SelectedMetadata & { readonly topics: readonly string[] },
  ): AsyncGenerator<NotifiedEvent, void, undefined> {
    const { recorder, decode } = this.#options;
    const found = this.#index(selected).notifications({ ...selected, after: gt, stop, limit }, recorder);
    for (let next = await heeding(signal, () => found.next()); next.done !== true;) {
      yield await decode(next.value);
      next = await heeding(signal, () => found.next());
    }
  }

  /** What the index finds, read as a log is. */
  #source(metadata: SelectedMetadata): NotificationSource {
    const { recorder } = this.#options;
    const index = this.#index(metadata);
    return {
      selectNotifications: async ({ start, ...rest }: SelectNotificationsOptions) => {
        const notifications: Notification[] = [];
        const found = index.notifications({ ...metadata, ...rest, after: start - 1 }, recorder);
        for await (const notification of found) notifications.push(notification);
        return notifications;
      },
      maxNotificationId: () => recorder.maxNotificationId(),
    };
  }

  #serverRecords(): ServerRecords {
    const { recorder, serverRecords } = this.#options;
    if (serverRecords !== undefined) return serverRecords;
    if (hasUnitOrder(recorder)) return { serverRecords: (ids) => selectServerRecords(recorder, ids) };
    throw new ProgrammingError(
      'Nobody here knows what a server says of events: give the application its log, by its option "serverRecords".',
      { details: { option: 'withServer' } },
    );
  }

  #index(metadata: SelectedMetadata): EventIndex {
    const { index } = this.#options;
    if (index !== undefined) return index;
    const [option] = Object.keys(metadata);
    throw new ProgrammingError(
      `${option} is in no topic: give the application an event index, by its option "eventIndex".`,
      { details: { option } },
    );
  }
}

/** Adds what a server says of events, of many at once. */
async function* withServerRecords(
  events: AsyncIterable<NotifiedEvent>,
  source: ServerRecords,
  signal: AbortSignal | undefined,
): AsyncGenerator<NotifiedEvent, void, undefined> {
  let page: NotifiedEvent[] = [];
  const told = async (): Promise<readonly NotifiedEvent[]> => {
    const ids = page.map(({ notificationId }) => notificationId);
    const records = await heeding(signal, () => source.serverRecords(ids));
    return page.map((event) => {
      const server = records.get(event.notificationId);
      return server === undefined ? event : { ...event, server };
    });
  };
  for await (const event of events) {
    if (page.push(event) < PAGE_SIZE) continue;
    yield* await told();
    page = [];
  }
  if (page.length > 0) yield* await told();
}
