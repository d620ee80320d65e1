/**
 * When to try again. All times are by the monotonic clock.
 *
 * 1. Between two attempts lies at least what `Retry-After` asked for: no reason to hope moves the next one before it. And a
 *    little more, by chance: all whom a server asks to wait equally long would come at once otherwise.
 * 2. A server that cannot be reached is tried with a wait that doubles, with jitter; one that refuses, once a minute.
 * 3. A reason to hope (the network is back, a person is back, or asks for it) forgets the failures.
 * 4. A new commit brings the next attempt forward, but for a refusal, and not more often than once a second.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { BackoffBounds } from '../../util/backoff.js';

const BACKOFF: BackoffBounds = { delayMsMin: 1_000, delayMsMax: 60_000 };
// However often something is committed, the server is not asked more often than this while it fails.
const ATTEMPT_INTERVAL_MS_MIN = 1_000;
// What is added to `Retry-After`, at most: a part of it, and not less than this.
const SPREAD = 0.1;
const SPREAD_MS_MIN = 1_000;

/** Says when the next attempt is due. */
export class AttemptTimes {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Failed attempts in a row. */
  #failures = 0;
  #isRefused = false;
  #lastAtMs = -Infinity;
  #nextAtMs = -Infinity;
  #floorMs = -Infinity;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds until the next attempt is due; 0 when there is nothing to wait for. */
  get waitMs(): number {
    return Math.max(0, this.#nextAtMs - this.#clock.monotonicMs());
  }

  /** Whether nothing has failed since the last success. */
  get isFine(): boolean {
    return this.#nextAtMs === -Infinity;
  }

  /** Puts the next attempt off for as long as a refusal does, where none is due yet. */
  putOff(): void {
    if (this.isFine) this.#nextAtMs = this.#clock.monotonicMs() + BACKOFF.delayMsMax;
  }

  began(): void {
    this.#lastAtMs = this.#clock.monotonicMs();
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isRefused = false;
    this.#nextAtMs = -Infinity;
    this.#floorMs = -Infinity;
  }

  /** @param retryAfterMs - what the server asked for */
  failed(isRefused: boolean, retryAfterMs: number | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    this.#failures++;
    this.#isRefused = isRefused;
    this.#floorMs = retryAfterMs === undefined ? -Infinity : nowMs + this.#spread(retryAfterMs);
    const delayMs = isRefused ? BACKOFF.delayMsMax : backoffDelayMs(this.#failures, this.#random, BACKOFF);
    this.#nextAtMs = Math.max(this.#floorMs, nowMs + delayMs);
  }

  #spread(ms: number): number {
    return ms + Math.floor(this.#random() * Math.max(SPREAD_MS_MIN, ms * SPREAD));
  }

  hope(): void {
    this.#failures = 0;
    this.#nextAtMs = this.#floorMs;
  }

  noteCommit(): void {
    if (this.#isRefused) return;
    this.#nextAtMs = Math.min(this.#nextAtMs, Math.max(this.#floorMs, this.#lastAtMs + ATTEMPT_INTERVAL_MS_MIN));
  }
}
