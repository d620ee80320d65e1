/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Follows the events of an application, decoded.
 *
 * @module
 */
import type { Message } from '../../domain/message-types.js';
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import { follow } from '../../persistence/subscription.js';
import type { FollowOptions, NotificationSource, OnRecorded } from '../../persistence/subscription.js';
import type { NotifiedEvent } from '../events/notified-event.js';

/** Follows notifications by itself: a `Daybook`, or a recorder on PostgreSQL. */
export interface NotificationFeed {
  subscribe(options: FollowOptions): AsyncIterator<Notification, unknown, undefined>;
  /** Tells that there is something new without giving it, where it can. */
  onRecorded?(listener: () => void): () => void;
}

/**
 * Events in the order of their notification ids, the present ones and then those to come. Ends when it is told to: by
 * `return`, `break`, or the signal.
 */
export interface EventSubscription<Event extends Message = Message>
  extends AsyncIterableIterator<NotifiedEvent<Event>, undefined, undefined>, AsyncDisposable {
  /**
   * The next event, as soon as there is one. Calls may overlap; they are answered in their order.
   *
   * @throws LogBehindError (`LOG_BEHIND`) when the log does not have (any more) what the subscriber has seen
   * @throws what reading or decoding threw, once; the subscription has ended then. Subscribe again after the last id.
   */
  next(): Promise<IteratorResult<NotifiedEvent<Event>, undefined>>;
  /** Ends the subscription at once; who waits for an event learns that there is none. Ending twice is fine. */
  return(): Promise<IteratorResult<NotifiedEvent<Event>, undefined>>;
  [Symbol.asyncIterator](): EventSubscription<Event>;
}

/** Which notifications, and until when. */
export interface FeedOptions {
  readonly gt: NotificationId;
  readonly topics: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** The feed of a recorder that has none of its own: pages of it that are read when there is news. */
export function pagedFeed(recorder: NotificationSource, onRecorded: OnRecorded): NotificationFeed {
  return { subscribe: (options) => follow(recorder, onRecorded, options) };
}

/** The feed of a recorder that can be subscribed to. */
export function feedOf(recorder: ApplicationRecorder): NotificationFeed | undefined {
  return recorder.supports?.subscriptions === true ? (recorder as ApplicationRecorder & NotificationFeed) : undefined;
}

type Result = IteratorResult<NotifiedEvent, undefined>;

const END: Result = { done: true, value: undefined };

/** A subscription over a feed. */
export class DecodedSubscription implements EventSubscription {
  readonly #feed: NotificationFeed;
  readonly #options: FeedOptions;
  readonly #decode: (notification: Notification) => Promise<NotifiedEvent>;
  // A generator waits for its `next` before it returns: only a signal ends it while it waits for news.
  readonly #ended = new AbortController();
  #notifications: AsyncIterator<Notification, unknown, undefined> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    feed: NotificationFeed,
    options: FeedOptions,
    decode: (notification: Notification) => Promise<NotifiedEvent>,
  ) {
    this.#feed = feed;
    this.#options = options;
    this.#decode = decode;
    // At once, so that a wrong option is refused by the call that has it; nothing is read before the first `next`.
    this.#notifications = this.#open();
  }

  next(): Promise<Result> {
    const next = this.#last.then(() => this.#take());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async return(): Promise<Result> {
    this.#ended.abort();
    const notifications = this.#notifications;
    this.#notifications = undefined;
    // Not waited for: there may be a call before it that is only about to learn of the end.
    void notifications?.return?.().catch(() => undefined);
    return END;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #take(): Promise<Result> {
    if (this.#notifications === undefined) return END;
    try {
      const { done, value } = await this.#notifications.next();
      if (done !== true) return { done: false, value: await this.#decode(value) };
    } catch (error) {
      await this.return();
      throw error;
    }
    await this.return();
    return END;
  }

  #open(): AsyncIterator<Notification, unknown, undefined> {
    const { gt, topics, signal } = this.#options;
    const signals = signal === undefined ? [this.#ended.signal] : [signal, this.#ended.signal];
    return this.#feed.subscribe({ gt, topics, signal: AbortSignal.any(signals) });
  }
}
