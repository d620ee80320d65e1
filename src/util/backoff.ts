/**
 * Exponential backoff with full jitter: a random wait between 0 and a bound that doubles.
 *
 * Full jitter spreads those who wait for the same thing; see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @module
 */

/** How long the waits are. */
export interface BackoffBounds {
  /** Bound of the first wait, in milliseconds. */
  readonly delayMsMin: number;
  /** Largest bound of a wait, in milliseconds. */
  readonly delayMsMax: number;
}

/**
 * How long to wait before the next attempt.
 *
 * @param failures - failed attempts in a row, 1 and up
 * @param random - from 0 (inclusive) to 1 (exclusive)
 * @returns milliseconds
 */
export function backoffDelayMs(failures: number, random: () => number, bounds: BackoffBounds): number {
  const { delayMsMin, delayMsMax } = bounds;
  // The exponent is bounded too: 2 ** 1100 is Infinity, and Infinity * 0 is NaN.
  const bound = Math.min(delayMsMax, delayMsMin * 2 ** Math.min(failures - 1, 16));
  return Math.floor(random() * bound);
}
