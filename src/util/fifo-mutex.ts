import type { Clock } from './clock.js';

/** What a {@link FifoMutex} needs. */
export interface FifoMutexOptions {
  /** Milliseconds that a piece of work waits for its turn. */
  readonly waitMsMax: number;
  readonly clock: Clock;
  /** Makes the error of a piece of work that waited too long. */
  tooLong(): Error;
}

/** Lets pieces of work run one at a time, in the order in which they came. */
export class FifoMutex {
  readonly #options: FifoMutexOptions;
  #held = false;
  // No limit of its own: every waiter leaves after `waitMsMax`.
  readonly #waiters = new Set<() => void>();

  constructor(options: FifoMutexOptions) {
    this.#options = options;
  }

  /**
   * Runs work in its turn: at once, without a promise in between, when nothing else runs. Work that is synchronous
   * holds nothing up, and most work is.
   *
   * @returns what the work returned; a promise of it when there was something to wait for
   */
  run<T>(work: () => T | Promise<T>): T | Promise<T> {
    return this.#held ? this.#turn().then(() => this.#hold(work)) : this.#hold(work);
  }

  #hold<T>(work: () => T | Promise<T>): T | Promise<T> {
    this.#held = true;
    let result: T | Promise<T>;
    try {
      result = work();
    } catch (error) {
      this.#release();
      throw error;
    }
    if (result instanceof Promise) {
      return result.finally(() => {
        this.#release();
      });
    }
    this.#release();
    return result;
  }

  #turn(): Promise<void> {
    const { clock, waitMsMax } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = clock.schedule(() => {
        this.#waiters.delete(proceed);
        reject(this.#options.tooLong());
      }, waitMsMax);
      const proceed = (): void => {
        cancel();
        resolve();
      };
      this.#waiters.add(proceed);
    });
  }

  /** Hands over to the first waiter, still held, so that nobody gets in between. */
  #release(): void {
    for (const next of this.#waiters) {
      this.#waiters.delete(next);
      next();
      return;
    }
    this.#held = false;
  }
}
