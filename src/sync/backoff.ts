/**
 * Exponential backoff with full jitter: a random wait between 0 and a bound that doubles.
 *
 * Full jitter spreads the clients of a server that comes back; see "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015.
 *
 * @module
 */

/** Bound of the first wait, in milliseconds. */
export const BACKOFF_DELAY_MS_MIN = 1_000;
/** Largest bound of a wait, in milliseconds. */
export const BACKOFF_DELAY_MS_MAX = 60_000;

/**
 * How long to wait before the next attempt.
 *
 * @param failures - failed attempts in a row, 1 and up
 * @param random - from 0 (inclusive) to 1 (exclusive)
 * @returns milliseconds
 */
export function backoffDelayMs(failures: number, random: () => number): number {
  // The exponent is bounded too: 2 ** 1100 is Infinity, and Infinity * 0 is NaN.
  const bound = Math.min(BACKOFF_DELAY_MS_MAX, BACKOFF_DELAY_MS_MIN * 2 ** Math.min(failures - 1, 16));
  return Math.floor(random() * bound);
}
