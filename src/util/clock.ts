/**
 * Time and timers, handed in so that tests decide how fast they go. Nothing else asks the platform for either: a rule of
 * the linter forbids it.
 *
 * Two kinds of time, because a device's owner sets its clock: what is written down or shown goes by `nowMs`, what waits
 * goes by `monotonicMs`.
 *
 * @module
 */

/** The time, and calls in the future. */
export interface Clock {
  /** Milliseconds since 1970, as the device believes. May jump, in both directions: never for what waits. */
  nowMs(): number;
  /** Milliseconds since some moment, never fewer than before: for limits, and for how long something took. */
  monotonicMs(): number;
  /**
   * Calls back once, after at least this many milliseconds, however many these are; `Infinity` is never.
   *
   * @returns calls it off
   */
  schedule(callback: () => void, delayMs: number): () => void;
}

// Longer ones ring at once: the platforms keep them in 32 bits.
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The platform's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(callback, delayMs) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (ms: number): void => {
      timer = setTimeout(() => (ms > TIMER_MS_MAX ? wait(ms - TIMER_MS_MAX) : callback()), Math.min(ms, TIMER_MS_MAX));
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
