/**
 * How long code of others may take with one event: a handler, a policy, what decodes. One that never settles would hold
 * what follows a log for ever, without a word.
 *
 * @module
 */
import type { Notification } from '../../persistence/stored-event.js';
import { checkedMs } from '../../persistence/validation.js';
import type { Clock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { EventLog } from './event-log.js';
import { HandlerTimeoutError } from './follower-errors.js';

// Longer than whoever asks somebody else takes to be answered, or to be told that there is no answer.
const HANDLER_TIMEOUT_MS_DEFAULT = 30_000;

/** What a {@link HandlerLimit} needs. */
export interface HandlerLimitOptions {
  /** For the error: `The projection stock-levels`. */
  readonly what: string;
  readonly clock: Clock;
  /** Milliseconds; `Infinity` for ever. @defaultValue 30,000 */
  readonly timeoutMs: number | undefined;
  /** Told at once: what the call was made in may still have to end. */
  readonly report?: (error: HandlerTimeoutError) => void;
}

/** Which event code of others has in its hands. */
type EventInHand = Pick<NotifiedEvent, 'type' | 'notificationId' | 'originatorId' | 'originatorVersion'>;

/** The limit of one projection or process. What was begun is not stopped: what becomes of it concerns nobody. */
export class HandlerLimit {
  readonly #options: HandlerLimitOptions;
  readonly #timeoutMs: number;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time makes no sense */
  constructor(options: HandlerLimitOptions) {
    this.#options = options;
    this.#timeoutMs = checkedMs('handlerTimeoutMs', options.timeoutMs ?? HANDLER_TIMEOUT_MS_DEFAULT, { min: 1 });
  }

  /**
   * Waits for what was begun with an event.
   *
   * @param doing - for the error: `handling`
   * @throws what it throws; HandlerTimeoutError (`HANDLER_TIMEOUT`) when it takes too long
   */
  within<T>(begun: Promise<T>, doing: string, event: EventInHand): Promise<T> {
    const { clock, report } = this.#options;
    return inTime(clock, this.#timeoutMs, Promise.resolve(begun), () => {
      const error = this.#tooLong(doing, event);
      report?.(error);
      throw error;
    });
  }

  /** What reads events, within the limit. */
  decoding(decode: EventLog['decode']): EventLog['decode'] {
    return async (notification) => await this.within(decode(notification), 'reading', inHand(notification));
  }

  /** A log whose events are read within the limit. */
  reading(log: EventLog): EventLog {
    const { recorder } = log;
    return {
      recorder,
      decode: this.decoding((notification) => log.decode(notification)),
      ...(log.onRecorded === undefined ? {} : { onRecorded: (listener) => log.onRecorded?.(listener) ?? nothing }),
    };
  }

  #tooLong(doing: string, event: EventInHand): HandlerTimeoutError {
    const { type, notificationId, originatorId, originatorVersion } = event;
    const { what } = this.#options;
    const timeoutMs = this.#timeoutMs;
    return new HandlerTimeoutError(
      `${what} was still ${doing} ${type} (notification ${notificationId}, version ${originatorVersion} of ${originatorId}) after ${timeoutMs} ms, and was given up: what it does from now on does not count. See that it ends, or raise handlerTimeoutMs.`,
      { details: { what, doing, eventType: type, notificationId, originatorId, originatorVersion, timeoutMs } },
    );
  }
}

function nothing(): void {
  // There was nothing to stop.
}

function inHand({ topic, id, originatorId, originatorVersion }: Notification): EventInHand {
  return { type: topic, notificationId: id, originatorId, originatorVersion };
}
