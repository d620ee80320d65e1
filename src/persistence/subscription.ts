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
 * 5. However it ends, the hints and the signal are let go of, and nobody is left waiting.
 *
 * Written by hand rather than as an async generator, because a generator's `return()` waits for the `next()` before it:
 * a subscription at rest could not be ended.
 *
 * @module
 */
import { ProgrammingError } from './errors.js';
import type { ApplicationRecorder } from './recorder.js';
import type { Notification, NotificationId } from './stored-event.js';

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
 * @returns stops the calls
 */
export type OnRecorded = (listener: () => void) => () => void;

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
  if (!isListOfTexts(topics)) throw new ProgrammingError('topics must be a list of texts.');
  // Copied, because it is read again for every page.
  return new PagedSubscription(new PageReader(recorder, gt, [...topics]), onRecorded, signal);
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}

type Result = IteratorResult<Notification, undefined>;

const END: Result = { done: true, value: undefined };

/** One `next()` that waits for its outcome. */
interface Pull {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

class PagedSubscription implements Subscription {
  readonly #reader: PageReader;
  readonly #onRecorded: OnRecorded;
  readonly #signal: AbortSignal | undefined;
  /** No limit of its own: each is a call that the consumer made and waits for. */
  readonly #pulls: Pull[] = [];
  #page: readonly Notification[] = [];
  /** How much of the page was given. */
  #given = 0;
  /** Whether there may be more than was read. */
  #isBehind = true;
  #isServing = false;
  #hasStarted = false;
  #hasEnded = false;
  #stopHints: () => void = () => undefined;

  constructor(reader: PageReader, onRecorded: OnRecorded, signal: AbortSignal | undefined) {
    this.#reader = reader;
    this.#onRecorded = onRecorded;
    this.#signal = signal;
  }

  next(): Promise<Result> {
    this.#start();
    if (this.#hasEnded) return Promise.resolve(END);
    return new Promise((resolve, reject) => {
      this.#pulls.push({ resolve, reject });
      void this.#serve();
    });
  }

  return(): Promise<Result> {
    this.#end();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): Subscription {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Not before the first call: a subscription that nobody iterates over holds nothing. */
  #start(): void {
    if (this.#hasStarted || this.#hasEnded) return;
    this.#hasStarted = true;
    if (this.#signal?.aborted === true) {
      this.#end();
      return;
    }
    this.#signal?.addEventListener('abort', this.#onAbort);
    this.#stopHints = this.#onRecorded(this.#onHint);
  }

  readonly #onAbort = (): void => {
    this.#end();
  };

  readonly #onHint = (): void => {
    this.#isBehind = true;
    void this.#serve();
  };

  /** Answers who waits, as far as it can. Never rejects: a failure goes to who waits for the notification. */
  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#pulls.length > 0) {
        if (this.#given < this.#page.length) this.#give();
        else if (this.#isBehind) await this.#turnPage();
        else break;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // In one go with the test above, so that a hint finds either a loop that will see it or none.
      this.#isServing = false;
    }
  }

  #give(): void {
    const value = this.#page[this.#given++] as Notification;
    this.#pulls.shift()?.resolve({ done: false, value });
  }

  async #turnPage(): Promise<void> {
    this.#isBehind = false;
    this.#page = [];
    this.#given = 0;
    const { notifications, isFull } = await this.#reader.next();
    // Ended while it was read: nobody asks for it any more.
    if (this.#hasEnded) return;
    this.#page = notifications;
    if (isFull) this.#isBehind = true;
  }

  #fail(error: unknown): void {
    // Nobody is left when it ended meanwhile; otherwise the first hears of it, and the others that it ended.
    const first = this.#pulls.shift();
    this.#end();
    first?.reject(error);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#page = [];
    this.#given = 0;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#stopHints();
    for (const { resolve } of this.#pulls.splice(0)) resolve(END);
  }
}

interface Page {
  readonly notifications: readonly Notification[];
  /** Whether there may be more behind it. */
  readonly isFull: boolean;
}

/** Reads a log page by page, and remembers how far it looked. */
class PageReader {
  readonly #recorder: NotificationSource;
  readonly #topics: readonly string[];
  /** Everything up to this id was looked at. */
  #last: NotificationId;
  #limit = PAGE_NOTIFICATIONS_FIRST;

  constructor(recorder: NotificationSource, after: NotificationId, topics: readonly string[]) {
    this.#recorder = recorder;
    this.#topics = topics;
    this.#last = after;
  }

  async next(): Promise<Page> {
    const limit = this.#limit;
    const notifications = this.#topics.length === 0 ? await this.#read(limit) : await this.#readTopics(limit);
    this.#limit = nextLimit(notifications, limit);
    return { notifications, isFull: notifications.length === limit };
  }

  async #read(limit: number): Promise<readonly Notification[]> {
    const page = await this.#recorder.selectNotifications({ start: this.#last + 1, limit });
    this.#last = page.at(-1)?.id ?? this.#last;
    return page;
  }

  /** Ids become visible in order, so what has another topic up to the largest id need not be looked at again. */
  async #readTopics(limit: number): Promise<readonly Notification[]> {
    const stop = await this.#recorder.maxNotificationId();
    if (stop <= this.#last) return [];
    const select = { start: this.#last + 1, stop, limit, topics: this.#topics };
    const page = await this.#recorder.selectNotifications(select);
    this.#last = page.length === limit ? (page.at(-1)?.id ?? stop) : stop;
    return page;
  }
}

/** As many as fit into {@link PAGE_BYTES_AIM}, if the next ones are as large as these. */
function nextLimit(notifications: readonly Notification[], limit: number): number {
  if (notifications.length === 0) return limit;
  const bytes = notifications.reduce((sum, { state }) => sum + state.length, 0);
  const fitting = Math.floor((PAGE_BYTES_AIM * notifications.length) / Math.max(1, bytes));
  return Math.max(1, Math.min(PAGE_NOTIFICATIONS_MAX, fitting));
}
