/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Follows the notifications of a recorder: catches up in pages, then goes on with what is recorded.
 *
 * ```text
 *   next() ──▶ from the page in hand ──(used up)──▶ read the next page ──(nothing new)──▶ rest
 *                       ▲                                  ▲                                │
 *                       └──────────────────────────────────┴────────────── a hint ◀─────────┘
 * ```
 *
 * Invariants:
 * 1. Each id is given once, in order: a page starts after the last id that was looked at.
 * 2. Back-pressure: a page is read only when somebody waits for it and the one before is used up. So however slow the
 *    consumer and however much is recorded, there is one page in memory.
 * 3. No hint is lost: one that comes while a page is read makes the next wait read again. `#isBehind` is cleared before
 *    a read, never after it.
 * 4. Nothing is polled: between the end of the log and the next hint there is no timer and no call.
 * 5. However it ends, the hints and the signal are let go of, and nobody is left waiting. Nobody is told of the end before
 *    the hints have stopped.
 *
 * Written by hand rather than as an async generator, because a generator's `return()` waits for the `next()` before it:
 * a subscription at rest could not be ended.
 *
 * @module
 */
import { reportFailure } from '../util/listeners.js';
import { onAbort } from '../util/on-abort.js';
import { ProgrammingError } from './errors.js';
import { logBehind } from './log-behind.js';
import { readPage } from './notification-pages.js';
import type { NotificationPage } from './notification-pages.js';
import type { ApplicationRecorder } from './recorder.js';
import type { Notification, NotificationId } from './stored-event.js';
import { validateFunction } from './validation.js';
import { validateSignal } from './heed-signal.js';

/** Notifications in one page, at most: a page crosses from the worker at once, and is read while others wait. */
export const PAGE_NOTIFICATIONS_MAX = 500;
// Before the size of the events is known. Of the largest allowed, this many still fit into the memory of a phone.
const PAGE_NOTIFICATIONS_FIRST = 50;
// What the following pages aim at, in bytes of state: large states make pages of few notifications.
const PAGE_BYTES_AIM = 1 << 20;

/** Which notifications to follow, and until when. */
export interface FollowOptions {
  /** Only ids greater than this: where an earlier subscription stopped. @defaultValue 0: from the beginning */
  readonly gt?: NotificationId;
  /** Only these topics; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[];
  /** Ends the subscription when it is aborted, as the end of the iteration; nothing is thrown. */
  readonly signal?: AbortSignal;
}

/** Notifications in the order of their ids, the present ones and then those to come. Ends when it is told to. */
export interface Subscription extends AsyncIterableIterator<Notification, undefined, undefined>, AsyncDisposable {
  /**
   * The next notification, as soon as there is one. Calls may overlap; they are answered in their order.
   *
   * @throws LogBehindError (`LOG_BEHIND`) when the log does not have (any more) what the subscriber has seen
   * @throws what the recorder threw, once; the subscription has ended then. Follow again after the last id.
   */
  next(): Promise<IteratorResult<Notification, undefined>>;
  /** Ends the subscription at once; who waits for a notification learns that there is none. Ending twice is fine. */
  return(): Promise<IteratorResult<Notification, undefined>>;
  [Symbol.asyncIterator](): Subscription;
}

/** What a subscription reads from; every application recorder is one. */
export type NotificationSource = Pick<ApplicationRecorder, 'selectNotifications' | 'maxNotificationId'>;

/**
 * Says when it is worth looking: calls a listener soon after something was recorded, or when reading would fail from now
 * on. A hint for nothing costs one look.
 *
 * @returns stops the calls; where that takes time and gives a promise, the end of a subscription waits for it
 */
export type OnRecorded = (listener: () => void) => () => unknown;

/**
 * Follows a recorder.
 *
 * @param recorder - lent; it may be used otherwise meanwhile
 * @param onRecorded - asked when the first notification is asked for, and told when the subscription ends
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 *
 * @example
 * ```ts
 * for await (const { id, topic } of follow(daybook.recorder, (listener) => daybook.onRecorded(listener), { gt: 12 })) {
 *   console.log(id, topic);
 * }
 * ```
 */
export function follow(
  recorder: NotificationSource,
  onRecorded: OnRecorded,
  options: FollowOptions = {},
): Subscription {
  const { gt = 0, topics = [], signal } = options;
  if (!Number.isSafeInteger(gt)) throw new ProgrammingError(`gt must be a safe integer, but is ${String(gt)}.`);
  validateFunction('onRecorded', onRecorded);
  validateSignal(signal);
  if (!isListOfTexts(topics)) throw new ProgrammingError('topics must be a list of texts.');
  // Copied, because it is read again for every page.
  return new PagedSubscription(pageReader(recorder, gt, [...topics]), onRecorded, signal);
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}

type Result = IteratorResult<Notification, undefined>;

const END: Result = { done: true, value: undefined };

/** Reads the page after the one before. */
type ReadNextPage = () => Promise<NotificationPage>;

class PagedSubscription implements Subscription {
  readonly #readNextPage: ReadNextPage;
  readonly #onRecorded: OnRecorded;
  readonly #signal: AbortSignal | undefined;
  /** Settle the calls that wait. No limit of its own: each is a call that the consumer made and waits for. */
  readonly #pulls: ((outcome: Result | Promise<Result>) => void)[] = [];
  /** What is left of the page in hand. */
  #page: Iterator<Notification, undefined> = [].values();
  /** Whether there may be more than was read. */
  #isBehind = true;
  #isServing = false;
  /** Lets go of the signal and the hints; `undefined` before the first call. */
  #letGo: (() => unknown) | undefined;
  /** What whoever asks is told since it has ended, as soon as the hints have stopped. */
  #ended: Promise<Result> | undefined;

  constructor(readNextPage: ReadNextPage, onRecorded: OnRecorded, signal: AbortSignal | undefined) {
    this.#readNextPage = readNextPage;
    this.#onRecorded = onRecorded;
    this.#signal = signal;
  }

  async next(): Promise<Result> {
    // What throws here, because nobody could be asked for hints, is when the next one is asked for.
    this.#start();
    return await (this.#ended ??
      new Promise<Result>((resolve) => {
        this.#pulls.push(resolve);
        void this.#serve();
      }));
  }

  return(): Promise<Result> {
    if (this.#ended === undefined) {
      this.#ended = this.#end();
      for (const settle of this.#pulls.splice(0)) settle(this.#ended);
    }
    return this.#ended;
  }

  [Symbol.asyncIterator](): Subscription {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Not before the first call: a subscription that nobody iterates over holds nothing. */
  #start(): void {
    if (this.#signal?.aborted === true) void this.return();
    if (this.#letGo !== undefined || this.#ended !== undefined) return;
    const stopHints = this.#onRecorded(() => {
      this.#isBehind = true;
      void this.#serve();
    });
    const callOff = onAbort(this.#signal, () => void this.return());
    this.#letGo = () => {
      callOff();
      return stopHints();
    };
  }

  /** Answers who waits, as far as it can. Never rejects: a failure goes to who waits for the notification. */
  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#pulls.length > 0) {
        const next = this.#page.next();
        if (next.done !== true) this.#pulls.shift()?.(next);
        else if (this.#isBehind) await this.#turnPage();
        else break;
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      // In one go with the test above, so that a hint finds either a loop that will see it or none.
      this.#isServing = false;
    }
  }

  async #turnPage(): Promise<void> {
    this.#isBehind = false;
    const { notifications, isFull } = await this.#readNextPage();
    // Ended while it was read: nobody asks for it any more.
    if (this.#ended !== undefined) return;
    this.#page = notifications.values();
    if (isFull) this.#isBehind = true;
  }

  #fail(error: Error): void {
    // Nobody is left when it ended meanwhile; otherwise the first hears of it, and the others that it ended.
    const first = this.#pulls.shift();
    const ended = this.return();
    first?.(ended.then(() => Promise.reject(error)));
  }

  async #end(): Promise<Result> {
    this.#page = [].values();
    try {
      await this.#letGo?.();
    } catch (error) {
      // It has ended all the same.
      reportFailure(error);
    }
    return END;
  }
}

/** Reads a log page by page, and remembers how far it looked. */
function pageReader(recorder: NotificationSource, gt: NotificationId, topics: readonly string[]): ReadNextPage {
  let after = gt;
  let limit = PAGE_NOTIFICATIONS_FIRST;
  return async () => {
    // Without topics every id counts, and nothing lies between the last one and the end of the log.
    const head = topics.length > 0 ? await recorder.maxNotificationId() : undefined;
    const page = await readPage(recorder, { after, head, limit, topics });
    if (page.notifications.length === 0) assertReached(after, head ?? (await recorder.maxNotificationId()));
    after = page.to;
    limit = nextLimit(page.notifications, limit);
    return page;
  };
}

/** Otherwise all that is recorded from now on, up to there, would be passed over without a word. */
function assertReached(position: NotificationId, head: NotificationId): void {
  const exit = 'Make anew what was made of these notifications, and subscribe from the beginning.';
  if (head < position) throw logBehind({ what: 'The subscriber', position, head, exit });
}

/** As many as fit into {@link PAGE_BYTES_AIM}, if the next ones are as large as these. */
function nextLimit(notifications: readonly Notification[], limit: number): number {
  if (notifications.length === 0) return limit;
  const bytes = notifications.reduce((sum, { state }) => sum + state.length, 0);
  const fitting = Math.floor((PAGE_BYTES_AIM * notifications.length) / Math.max(1, bytes));
  return Math.max(1, Math.min(PAGE_NOTIFICATIONS_MAX, fitting));
}
