/**
 * How much somebody may take, and how often: tokens drip into a bucket until it is full, and are taken out of it.
 *
 * Over any time, no more is taken than what the bucket holds, and what drips into it meanwhile; and whoever waits for as
 * long as it says, and is alone, is never told to wait again.
 *
 * @module
 */

/** How large a bucket is, and how fast it fills. */
export interface BucketRate {
  readonly capacity: number;
  readonly perSecond: number;
}

/** One bucket, full at first. Times are of a clock that never goes back, in milliseconds. */
export class TokenBucket {
  readonly #rate: BucketRate;
  #level: number;
  #atMs: number;

  constructor(rate: BucketRate, nowMs: number) {
    this.#rate = rate;
    this.#level = rate.capacity;
    this.#atMs = nowMs;
  }

  /**
   * Milliseconds until so much is there, 0 when it is; nothing is taken.
   *
   * @param amount - no more than the capacity counts: what is larger goes when the bucket is full
   */
  waitMs(amount: number, nowMs: number): number {
    this.#drip(nowMs);
    const missing = Math.min(amount, this.#rate.capacity) - this.#level;
    // Sums of fractions miss by a little.
    return missing < 1e-6 ? 0 : (missing / this.#rate.perSecond) * 1_000;
  }

  /** Takes so much, also when it is not there: then that is owed. A negative amount gives back. */
  take(amount: number, nowMs: number): void {
    this.#drip(nowMs);
    this.#level = Math.min(this.#rate.capacity, this.#level - amount);
  }

  /** Whether it is full: as good as a new one. */
  isFull(nowMs: number): boolean {
    this.#drip(nowMs);
    return this.#level >= this.#rate.capacity;
  }

  #drip(nowMs: number): void {
    const { capacity, perSecond } = this.#rate;
    this.#level = Math.min(capacity, this.#level + (Math.max(0, nowMs - this.#atMs) / 1_000) * perSecond);
    this.#atMs = Math.max(this.#atMs, nowMs);
  }
}
