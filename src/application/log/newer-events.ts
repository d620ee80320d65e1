/**
 * Watches a log for events that a newer release of the application has recorded, and this one cannot read: they are kept
 * and passed by, and somebody should load the newer release.
 *
 * @module
 */
import { HistoryTruncatedError } from '../../persistence/errors.js';
import { readPage } from '../../persistence/notification-pages.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import { validateCount, validateInteger } from '../../persistence/validation.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import type { Observable } from '../../util/observable.js';
import type { NewerEvent, NewerVersion } from '../events/newer-event.js';
import type { EventLog } from './event-log.js';
import { LogFollower } from './log-follower.js';
import type { FollowerStatus, WaitOptions } from './log-follower.js';

const PAGE_EVENTS_DEFAULT = 500;

/** A log that says which of its events are newer than the release: an `Application`. */
export interface ReleasedLog extends Pick<EventLog, 'recorder' | 'decode' | 'onRecorded'> {
  /** As `Application.newerEvent`. */
  newerEvent(stored: StoredEvent): Promise<NewerEvent | undefined>;
}

/** Events of one kind that this release cannot read. */
export interface NewerEvents {
  /** One of the application's. */
  readonly aggregateType: string;
  readonly topic: string;
  /** Of the events' data; `undefined` where this release does not know the topic at all. */
  readonly version: NewerVersion | undefined;
  /** How many were found, those that have left the store since among them. */
  readonly count: number;
  /** Of the first that was found, here. */
  readonly firstNotificationId: NotificationId;
  /** When the first of them was recorded, by the clocks of the devices that did; `undefined` where that is not known. */
  readonly since: Date | undefined;
}

/** What a {@link NewerEventsWatch} has found. */
export interface NewerEventsStatus extends FollowerStatus {
  /** What this release cannot read, by topic and version, in the order in which it was found; empty while all is well. */
  readonly newer: readonly NewerEvents[];
}

/** What a {@link NewerEventsWatch} needs. */
export interface NewerEventsWatchOptions {
  /** The application. */
  readonly log: ReleasedLog;
  /** Looks at events after this notification. @defaultValue 0: at all that the store has */
  readonly gt?: NotificationId | undefined;
  /** Events that are read at once. @defaultValue 500 */
  readonly pageEvents?: number | undefined;
  /** Milliseconds between two looks while nobody tells of news. @defaultValue 1,000; never, where the log tells of news */
  readonly pollIntervalMs?: number | undefined;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive), to spread attempts. @defaultValue `Math.random` */
  readonly random?: () => number;
}

const INITIAL_STATUS: NewerEventsStatus = {
  ...{ state: 'idle', position: 0, head: 0, lag: 0, lastError: undefined },
  newer: [],
};

/**
 * Says whether this release of an application is too old for what its store has: looks at every event once, and at each that
 * comes. It stores nothing, so that it begins again with the program; give it `gt` where the store is large.
 *
 * @example
 * ```ts
 * const watch = new NewerEventsWatch({ log: app });
 * watch.start();
 * watch.status.subscribe(({ newer }) => {
 *   if (newer.length > 0) askToReload(`There is a newer version. ${newer.map(({ topic, count }) => `${count} × ${topic}`)}`);
 * });
 * ```
 */
export class NewerEventsWatch implements AsyncDisposable {
  readonly #log: ReleasedLog;
  readonly #gt: NotificationId;
  readonly #pageEvents: number;
  readonly #follower: LogFollower<NewerEventsStatus>;
  readonly #found = new Map<string, NewerEvents>();
  #last: Promise<unknown> = Promise.resolve();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number or a time makes no sense */
  constructor(options: NewerEventsWatchOptions) {
    const { log, gt = 0, pageEvents = PAGE_EVENTS_DEFAULT, pollIntervalMs } = options;
    const { clock = systemClock, random = Math.random } = options;
    validateInteger('gt', gt, 0);
    validateCount('pageEvents', pageEvents);
    this.#log = log;
    this.#gt = gt;
    this.#pageEvents = pageEvents;
    this.#follower = new LogFollower({
      ...{ what: 'The watch for newer events', log, clock, random, pollIntervalMs },
      initialStatus: { ...INITIAL_STATUS, position: gt },
      catchUp: (signal) => this.#inTurn(signal),
    });
  }

  /** What was found, to read and to watch. */
  get status(): Observable<NewerEventsStatus> {
    return this.#follower.status;
  }

  /** Starts it, until it is closed or the signal is aborted. Starting twice is fine. */
  start(options: { readonly signal?: AbortSignal } = {}): void {
    this.#follower.start(options.signal);
  }

  /**
   * Looks at what is there now, and returns: for a program that runs once, or a test.
   *
   * @returns what was found so far
   * @throws as the recorder does
   */
  async catchUp(): Promise<readonly NewerEvents[]> {
    await this.#inTurn(this.#follower.signal);
    return this.status.value.newer;
  }

  /** Waits until everything up to a notification was looked at. @throws as `ProjectionRunner.waitFor` */
  async waitFor(notificationId: NotificationId, options: WaitOptions = {}): Promise<void> {
    await this.#follower.waitFor(notificationId, options);
  }

  /** Stops it. Closing twice is fine. */
  async close(): Promise<void> {
    await this.#follower.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Nobody looks at an event twice, and counts it twice. */
  #inTurn(signal: AbortSignal): Promise<void> {
    const turn = this.#last.then(() => this.#catchUp(signal));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const { recorder } = this.#log;
    const head = await recorder.maxNotificationId();
    // The log was set back, or is another one: what was found is not there any more.
    if (head < this.#position) this.#begin();
    this.#follower.report({ state: 'running', head });
    while (this.#position < head && !signal.aborted) {
      const { notifications, to } = await this.#page(head);
      for (const notification of notifications) await this.#look(notification);
      this.#follower.report({ position: to, newer: [...this.#found.values()] });
    }
  }

  get #position(): NotificationId {
    return this.status.value.position;
  }

  #begin(): void {
    this.#found.clear();
    this.#follower.report({ position: 0, newer: [] });
  }

  async #page(head: NotificationId): ReturnType<typeof readPage> {
    const { recorder } = this.#log;
    const limit = this.#pageEvents;
    try {
      return await readPage(recorder, { after: this.#position, head, limit });
    } catch (error) {
      if (!(error instanceof HistoryTruncatedError)) throw error;
      // What has left is looked at no more; what stands for it is refused where somebody needs it.
      return await readPage(recorder, { after: Number(error.details['notificationId']), head, limit });
    }
  }

  async #look(notification: StoredEvent & { readonly id: NotificationId }): Promise<void> {
    const event = await this.#log.newerEvent(notification);
    if (event === undefined) return;
    const { aggregateType, topic, version, recordedAt } = event;
    const key = `${topic} ${version?.stored ?? ''}`;
    const { count, firstNotificationId, since } = this.#found.get(key) ?? {
      ...{ count: 0, firstNotificationId: notification.id, since: undefined },
    };
    this.#found.set(key, {
      ...{ aggregateType, topic, version, firstNotificationId },
      count: count + 1,
      since: earlier(since, recordedAt),
    });
  }
}

function earlier(left: Date | undefined, right: Date | undefined): Date | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left <= right ? left : right;
}
