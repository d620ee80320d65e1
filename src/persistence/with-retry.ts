/** Tries again what may pass: a connection that broke, a server that restarts. */
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { callListener } from '../util/listeners.js';
import { pause } from '../util/pause.js';
import { checkedMs, validateCount, validateFunction, validateFunctions } from './validation.js';
import { throwIfAborted } from './heed-signal.js';

const ATTEMPTS_DEFAULT = 3;
const DELAY_MS_DEFAULT = 1_000;

/** Options of {@link withRetry}. */
export interface RetryOptions {
  /** How often the work is tried at the most, the first time included; `Infinity` for no limit. @defaultValue 3 */
  readonly attempts?: number;
  /** Milliseconds between two attempts. @defaultValue 1 000 */
  readonly delayMs?: number;
  /**
   * Whether an error may pass. Repeat only work that may safely be done twice. When this throws, the work is not repeated,
   * and its own error is what the caller gets. @defaultValue `() => true`
   */
  readonly isRetryable?: (error: unknown) => boolean;
  /** Ends the waiting between attempts with its reason. */
  readonly signal?: AbortSignal;
  /** Time and timers. @defaultValue the platform's */
  readonly clock?: Clock;
}

/**
 * Runs work until it succeeds, fails for good, or the attempts are used up.
 *
 * A commit whose outcome is unknown (`details.outcome: 'unknown'`) is best repeated with the same events: if it had gone
 * through, the repetition is refused with an `IntegrityError`.
 *
 * @returns what the work resolved with
 * @throws what the last attempt rejected with
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number makes no sense
 *
 * @example
 * ```ts
 * const history = await withRetry(() => events.get(originatorId), {
 *   isRetryable: (error) => error instanceof OperationalError,
 * });
 * ```
 */
export async function withRetry<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = ATTEMPTS_DEFAULT, delayMs = DELAY_MS_DEFAULT, isRetryable = () => true } = options;
  if (attempts !== Infinity) validateCount('attempts', attempts);
  checkedMs('delayMs', delayMs);
  validateFunction('work', work);
  validateFunctions({ isRetryable: options.isRetryable });
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(options.signal);
    try {
      return await work();
    } catch (error) {
      if (attempt >= attempts || !isHopeful(isRetryable, error)) throw error;
      await pause(options.clock ?? systemClock, delayMs, options.signal);
    }
  }
}

function isHopeful(isRetryable: (error: unknown) => boolean, error: unknown): boolean {
  let answer = false;
  // What the work failed with says more than that nobody could judge it.
  callListener(() => {
    answer = isRetryable(error);
  });
  return answer;
}
