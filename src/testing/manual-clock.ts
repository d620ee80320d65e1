/**
 * Time that a test makes.
 *
 * @module
 */
import type { Clock } from '../util/clock.js';

// Far from 0, which would pass for "never".
const START_MS = 1_000_000;

/**
 * A clock that stands still until a test moves it. Its timers do not go by the time that it shows, which a test may set
 * as a device's owner sets it.
 *
 * @example
 * ```ts
 * const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
 * const app = inMemoryApplication({ aggregates: [order], clock });
 * clock.advance(60_000); // a minute later
 * ```
 */
export class ManualClock implements Clock {
  #nowMs: number;
  /** Since it was made. */
  #elapsedMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  /** @param nowMs - what it shows at first: milliseconds since 1970. @defaultValue 1,000,000 */
  constructor(nowMs: number = START_MS) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const timer = { atMs: this.#elapsedMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Shows another time from now on: milliseconds since 1970. No time passes by that. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Moves on, and calls what has become due, earliest first. What a call schedules waits for the next move. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    this.#elapsedMs += byMs;
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#elapsedMs).sort((a, b) => a.atMs - b.atMs);
    for (const timer of due) {
      // One that was called before may have called this one off.
      if (!this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}
