/**
 * Time that a test makes.
 *
 * @module
 */
import type { Clock } from '../util/clock.js';

// Far from 0, which would pass for "never".
const START_MS = 1_000_000;

/**
 * A clock that stands still until a test moves it.
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
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  /** @param nowMs - what it shows at first: milliseconds since 1970. @defaultValue 1,000,000 */
  constructor(nowMs: number = START_MS) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on, and calls what has become due, earliest first. What a call schedules waits for the next move. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs).sort((a, b) => a.atMs - b.atMs);
    for (const timer of due) {
      // One that was called before may have called this one off.
      if (!this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}
