/**
 * Deciding again when somebody else was faster.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { checkedMs } from '../../persistence/validation.js';
import type { Clock } from '../../util/clock.js';
import { ConcurrencyError } from '../aggregates/application-errors.js';
import { backoffDelayMs } from '../../util/backoff.js';
import { pause } from '../../util/pause.js';

/** How often to decide again after a conflict, and how long to wait before. */
export interface RetryPolicy {
  /** How often the command is decided at the most, the first time included: 1 to 100. */
  readonly attemptsMax: number;
  /**
   * Milliseconds to wait at the most before an attempt. The wait is random between 0 and a bound that doubles from 5 ms
   * up to this, so that those who were in each other's way do not meet again.
   *
   * @defaultValue 200
   */
  readonly delayMsMax?: number;
}

/** What waiting takes. */
export interface RetryMeans {
  readonly clock: Clock;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

// Whoever loses a hundred times in a row has another problem than bad luck.
const ATTEMPTS_LIMIT = 100;
const DELAY_MS_FIRST = 5;
const DELAY_MS_MAX_DEFAULT = 200;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number is out of range */
export function validateRetryPolicy({ attemptsMax, delayMsMax = DELAY_MS_MAX_DEFAULT }: RetryPolicy): void {
  if (!Number.isSafeInteger(attemptsMax) || attemptsMax < 1 || attemptsMax > ATTEMPTS_LIMIT) {
    throw new ProgrammingError(`attemptsMax must be an integer from 1 to ${ATTEMPTS_LIMIT}, but is ${attemptsMax}.`);
  }
  checkedMs('delayMsMax', delayMsMax, { max: Number.MAX_SAFE_INTEGER });
}

/**
 * Runs work, and again as long as it ends in a conflict.
 *
 * @param policy - `undefined` for once only
 * @throws what the last attempt rejected with
 */
export async function decideAgain<T>(
  work: () => Promise<T>,
  policy: RetryPolicy | undefined,
  { clock, random }: RetryMeans,
): Promise<T> {
  const { attemptsMax, delayMsMax = DELAY_MS_MAX_DEFAULT } = policy ?? { attemptsMax: 1 };
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ConcurrencyError) || attempt >= attemptsMax) throw error;
      const delayMs = backoffDelayMs(attempt, random, { delayMsMin: DELAY_MS_FIRST, delayMsMax });
      if (delayMs > 0) await pause(clock, delayMs);
    }
  }
}
