/**
 * The largest number of each of many keys, where some have been raised and not stored yet.
 *
 * @module
 */

/** Knows the numbers of a bounded number of keys without asking the store. */
export class LazyMaxima {
  readonly #limit: number;
  readonly #stored: (key: string) => number;
  /** Complete answers; the key that was raised longest ago comes first. */
  readonly #known = new Map<string, number>();
  /** What is not stored yet: part of the answer of a key that is not known. */
  readonly #raised = new Map<string, number>();

  /**
   * @param limit - keys to know at most; those that are not stored yet are kept beside them
   * @param stored - asks the store; for a key that is not there, a number below all others
   */
  constructor(limit: number, stored: (key: string) => number) {
    this.#limit = limit;
    this.#stored = stored;
  }

  get(key: string): number {
    let max = this.#known.get(key);
    if (max === undefined) {
      max = Math.max(this.#stored(key), this.#raised.get(key) ?? -Infinity);
      this.#know(key, max);
    }
    return max;
  }

  /**
   * Takes what the store says of several keys, which are about to be asked for: also of more than the limit, until the
   * next {@link LazyMaxima.settle}, because they would push each other out.
   *
   * @param keys - none of them known
   * @param stored - as the store answers for each of them
   */
  learn(keys: readonly string[], stored: readonly number[]): void {
    keys.forEach((key, index) =>
      this.#known.set(key, Math.max(stored[index] as number, this.#raised.get(key) ?? -Infinity)),
    );
  }

  /** Whether a key can be answered without asking the store. */
  isKnown(key: string): boolean {
    return this.#known.has(key);
  }

  /** Takes a number that the store will hold too, after the next {@link LazyMaxima.settle}. */
  raise(key: string, value: number): void {
    this.#raised.set(key, Math.max(this.#raised.get(key) ?? -Infinity, value));
    const known = this.#known.get(key);
    if (known === undefined) return;
    // Deleted first, so that it goes to the end.
    this.#known.delete(key);
    this.#known.set(key, Math.max(known, value));
  }

  /** Whether a key was raised since the last {@link LazyMaxima.settle}. */
  isRaised(key: string): boolean {
    return this.#raised.has(key);
  }

  /** The store holds now what was raised. */
  settle(): void {
    this.#raised.clear();
    this.#trim();
  }

  /** The store holds other numbers now, perhaps smaller ones. After {@link LazyMaxima.settle}. */
  forget(): void {
    this.#known.clear();
  }

  #know(key: string, max: number): void {
    this.#known.set(key, max);
    this.#trim();
  }

  #trim(): void {
    for (const key of this.#known.keys()) {
      if (this.#known.size <= this.#limit) return;
      this.#known.delete(key);
    }
  }
}
