import { LogBehindError } from '../../persistence/log-behind.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import type { NotificationFeed } from './event-subscription.js';

// A feed that fails, because a database restarts for example, is asked again; news may be late by that much.
const RETRY_DELAY_MS = 1_000;

/** What {@link feedNews} needs. */
export interface FeedNewsOptions {
  readonly feed: NotificationFeed;
  readonly maxNotificationId: () => Promise<NotificationId>;
  readonly clock: Clock;
}

/**
 * Tells that something was recorded, by a feed that only gives what was.
 *
 * @returns stops the calls, and the feed
 */
export function feedNews({ feed, maxNotificationId, clock }: FeedNewsOptions, listener: () => void): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  const listen = async (): Promise<void> => {
    for (let gt: NotificationId | undefined; !signal.aborted;) {
      try {
        gt ??= await maxNotificationId();
        const notifications = feed.subscribe({ gt, signal });
        for (let next = await notifications.next(); next.done !== true; next = await notifications.next()) {
          gt = next.value.id;
          listener();
        }
        // It has come to its end by itself, and would at once again.
        return;
      } catch (error) {
        // Who follows learns of the failure by its own reads.
        if (error instanceof LogBehindError) {
          gt = undefined;
          listener();
        }
        await pause(clock, RETRY_DELAY_MS, signal);
      }
    }
  };
  void listen();
  return () => {
    ended.abort();
  };
}
