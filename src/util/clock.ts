/** Time and timers, handed in so that tests decide how fast they go. */

/** The time, and calls in the future. */
export interface Clock {
  /** Milliseconds since 1970, as the device believes. */
  nowMs(): number;
  /**
   * Calls back once, after at least this many milliseconds.
   *
   * @returns calls it off
   */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** The platform's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
