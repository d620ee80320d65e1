/**
 * Reads that many ask for at once, each made once for all who ask before it begins.
 *
 * ```text
 * read ──▶ the same one waits ──▶ joins it
 *      ──▶ the same one runs ──▶ waits for its end, and is read again: what came since belongs to it
 *      ──▶ all lanes are taken ──▶ waits for one, in the order in which they came
 *      ──▶ otherwise ──▶ at once
 * ```
 *
 * When a log moves, all who listen ask for the same page in the same moment. And those who come back together would take
 * every connection of a pool, which those who write need as well.
 *
 * @module
 */

// More at once are no faster, on as many processors as a database usually has for one log.
const LANES = 6;

/** Makes reads. */
export class SharedReads<T> {
  readonly #waiting = new Map<string, Promise<T>>();
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #queue: (() => void)[] = [];
  #free = LANES;

  /**
   * @param key - of what is the same for everybody who asks in the same moment
   * @returns what the read gave that began after this was called
   * @throws what it threw
   */
  read(key: string, work: () => Promise<T>): Promise<T> {
    const joined = this.#waiting.get(key);
    if (joined !== undefined) return joined;
    const reading = this.#read(key, work);
    this.#waiting.set(key, reading);
    return reading;
  }

  async #read(key: string, work: () => Promise<T>): Promise<T> {
    await this.#running.get(key)?.catch(() => undefined);
    await this.#lane();
    this.#waiting.delete(key);
    try {
      const running = work();
      this.#running.set(key, running);
      return await running;
    } finally {
      this.#running.delete(key);
      this.#leave();
    }
  }

  /** Resolves when there is a lane. */
  async #lane(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  /** Hands the lane on, where somebody waits for one. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
