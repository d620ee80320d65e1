/**
 * Follows the notifications of an application: reads page by page, and waits at the end for more.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import { ProgrammingError } from '../errors.js';
import type { ApplicationRecorder } from '../recorder.js';
import type { Notification, NotificationId } from '../stored-event.js';
import type { PostgresListener } from './postgres-listener.js';

// Notifications usually come within milliseconds of a commit; this is for writers that send none, as releases of the
// Python library before 9.4 and plain SQL, and for connections that broke. A look costs two index look-ups.
const POLL_INTERVAL_MS = 1_000;
// Read ahead of the consumer, at most: pages are fetched when the one before is used up.
const PAGE_NOTIFICATIONS_MAX = 500;

/** Which notifications to follow, and until when. */
export interface SubscribeOptions {
  /** Only ids greater than this: where an earlier subscription ended. @defaultValue 0: from the beginning */
  readonly gt?: NotificationId;
  /** Only these topics; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[];
  /** Ends the subscription when it is aborted, as the end of the iteration; nothing is thrown. */
  readonly signal?: AbortSignal;
  /** Milliseconds between looks for what was not announced. @defaultValue 1,000 */
  readonly pollIntervalMs?: number;
  /** For tests. @defaultValue the platform's clock */
  readonly clock?: Clock;
}

/**
 * Follows a recorder.
 *
 * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be read; subscribe again after the last id
 */
export async function* follow(
  recorder: ApplicationRecorder,
  listener: PostgresListener,
  options: SubscribeOptions = {},
): AsyncGenerator<Notification, void, undefined> {
  const { gt = 0, signal, pollIntervalMs = POLL_INTERVAL_MS, clock = systemClock } = options;
  if (!Number.isSafeInteger(gt)) throw new ProgrammingError(`gt must be a safe integer, but is ${String(gt)}.`);
  const bell = new Bell();
  const onAbort = (): void => bell.ring();
  signal?.addEventListener('abort', onAbort);
  const stopListening = listener.add(() => bell.ring());
  try {
    let last = gt;
    while (!isAborted(signal)) {
      bell.hush();
      const page = await nextPage(recorder, last, options.topics ?? []);
      for (const notification of page.notifications) {
        if (isAborted(signal)) return;
        yield notification;
      }
      last = page.last;
      if (page.isFull || isAborted(signal)) continue;
      listener.ensure();
      await bell.wait(pollIntervalMs, clock);
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await stopListening();
  }
}

interface Page {
  readonly notifications: readonly Notification[];
  /** Everything up to this id was looked at. */
  readonly last: NotificationId;
  readonly isFull: boolean;
}

async function nextPage(
  recorder: ApplicationRecorder,
  after: NotificationId,
  topics: readonly string[],
): Promise<Page> {
  const select = { start: after + 1, limit: PAGE_NOTIFICATIONS_MAX };
  if (topics.length === 0) return toPage(await recorder.selectNotifications(select), after);
  // Ids become visible in order, so what has another topic up to this one need not be looked at again.
  const stop = await recorder.maxNotificationId();
  if (stop <= after) return { notifications: [], last: after, isFull: false };
  const page = toPage(await recorder.selectNotifications({ ...select, stop, topics }), after);
  return page.isFull ? page : { ...page, last: stop };
}

function toPage(notifications: readonly Notification[], after: NotificationId): Page {
  const last = notifications.at(-1)?.id ?? after;
  return { notifications, last, isFull: notifications.length === PAGE_NOTIFICATIONS_MAX };
}

// Asked by a function, because it changes while the generator waits, which the compiler does not expect.
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Wakes one waiter; when it rings before anybody waits, the next wait is over at once. */
class Bell {
  #hasRung = false;
  #wake: () => void = () => undefined;

  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  /** Forgets what rang: whatever it was about is read after this. */
  hush(): void {
    this.#hasRung = false;
  }

  async wait(delayMs: number, clock: Clock): Promise<void> {
    if (this.#hasRung) return;
    let cancel: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      cancel = clock.schedule(resolve, delayMs);
    });
    cancel();
  }
}
