/**
 * Does one piece of work again and again: works, rests, backs off, is woken, ends.
 *
 * ```text
 *                    ┌──────────────── none ────────────────┐
 * new ──start──▶ working ──┬── at most so long ──▶ resting ──(wake, or time)──▶ working
 *                          └── exactly so long ──▶ backing off ──(time)───────▶ working
 *   resting, backing off ──close, or abort──▶ ended        working ──close, or abort──▶ (the work is over) ──▶ ended
 * ```
 *
 * Invariants:
 * 1. The work never runs twice at once, however often it is woken or started.
 * 2. No wake is lost: one that comes while the work runs makes the rest after it end at once. That it came is forgotten
 *    before a piece of work, never after it.
 * 3. A rest of an exact time is over when the time is, and a wake does not shorten it; the work that follows has not
 *    missed anything.
 * 4. The end ends every rest at once. It waits for the work under way, which learns of it by its signal.
 * 5. Work that rejects is not the end: `afterFailure` says how to rest. What that throws is: the loop ends, and whoever
 *    started or closed it is told; where nobody waits for either, it is an unhandled rejection.
 * 6. At rest without a limit there is no timer.
 *
 * What the states mean to others, and how they are shown, is a matter of whoever has the loop.
 *
 * @module
 */
import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/**
 * How to rest after a piece of work: not at all, or so many milliseconds, `Infinity` for no limit. A wake ends it before,
 * unless it is exact.
 */
export type Rest = 'none' | { readonly ms: number; readonly isExact?: boolean };

/** What a {@link WorkLoop} needs. */
export interface WorkLoopOptions {
  readonly clock: Clock;
  /** Called when the loop starts, before the first piece of work. @returns called when the loop has ended */
  readonly onStart?: () => () => void;
  /** Does what there is to do now. Rejects rather than throws. @param signal - aborted when the loop is to end */
  readonly work: (signal: AbortSignal) => Promise<Rest>;
  /** Says how to rest after work that rejected, also when the loop is to end. */
  readonly afterFailure: (error: unknown) => Rest;
}

/** Runs one piece of work again and again, never twice at once. Starts once, and ends once. */
export class WorkLoop {
  readonly #options: WorkLoopOptions;
  readonly #ending = new AbortController();
  /** Aborted when it is to end. */
  readonly signal: AbortSignal = this.#ending.signal;
  #running: Promise<void> | undefined;
  /** Whether it was woken since the work was last begun. */
  #isWoken = false;
  /** Whether a wake changes nothing about the present rest. */
  #isExact = false;
  /** Ends the present rest; does nothing when that is over. */
  #endRest: () => void = () => undefined;

  constructor(options: WorkLoopOptions) {
    this.#options = options;
  }

  /**
   * Starts it, until it is closed or the signal is aborted. Starting twice is fine: the signals of both end it.
   *
   * @returns resolves when it has ended
   * @throws what `onStart` or `afterFailure` threw
   */
  start(signal?: AbortSignal): Promise<void> {
    const callOff = onAbort(signal, () => this.#end(signal?.reason));
    // A signal may outlive many loops.
    onAbort(this.signal, callOff);
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Says that there may be something to do. */
  wake(): void {
    this.#isWoken = true;
    if (!this.#isExact) this.#endRest();
  }

  /**
   * Ends it when the work under way is over. Closing twice is fine; one that was not started never will be.
   *
   * @throws as {@link WorkLoop.start}
   */
  async close(): Promise<void> {
    this.#end();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { onStart, work, afterFailure } = this.#options;
    const onEnded = onStart?.();
    try {
      while (!this.signal.aborted) {
        this.#isWoken = false;
        await this.#rest(await work(this.signal).catch(afterFailure));
      }
    } finally {
      this.#end();
      onEnded?.();
    }
  }

  async #rest(rest: Rest): Promise<void> {
    if (rest === 'none' || this.signal.aborted) return;
    const { ms, isExact = false } = rest;
    this.#isExact = isExact;
    if (this.#isWoken && !isExact) return;
    await new Promise<void>((resolve) => {
      // A platform's timer takes "for ever" for "at once".
      const callOff = ms === Infinity ? undefined : this.#options.clock.schedule(resolve, ms);
      this.#endRest = () => {
        callOff?.();
        resolve();
      };
    });
  }

  #end(reason?: unknown): void {
    this.#ending.abort(reason);
    this.#endRest();
  }
}
