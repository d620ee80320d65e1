/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Several applications, wired: who follows whom.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { Clock } from '../../util/clock.js';
import { ProcessRunner, trackingNameOf } from './process-runner.js';
import type { ProcessRunnerOptions } from './process-runner.js';
import { checkedMs, validateFunctions, validateList } from '../../persistence/validation.js';

/** One wire: a process that follows an application, and commands another one, or the same. */
export type Wire = Pick<
  ProcessRunnerOptions,
  'process' | 'from' | 'into' | 'onFailure' | 'retry' | 'trackingName' | 'handlerTimeoutMs'
>;

/** What {@link System} is given. */
export interface SystemOptions {
  readonly wires: readonly Wire[];
  /**
   * Milliseconds between two looks while nobody tells of news. Give it where others record, in other processes, and
   * nobody tells of it. @defaultValue 1,000; never, where the log tells of news
   */
  readonly pollIntervalMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: () => number;
}

// Rounds in which something still followed from something: beyond this it goes round in circles.
const SETTLE_ROUNDS_MAX = 1_000;

/**
 * Runs the processes between applications.
 *
 * @example
 * ```ts
 * await using system = new System({
 *   wires: [
 *     { from: orders, process: reservation, into: stock },
 *     { from: stock, process: confirmation, into: orders },
 *   ],
 * });
 * system.start();
 * ```
 */
export class System implements AsyncDisposable {
  readonly #runners: readonly ProcessRunner[];

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when two wires would keep their progress under one name: each would
   *   take what the other has done for done
   */
  constructor({ wires, ...options }: SystemOptions) {
    validateList('wires', wires);
    if (options.pollIntervalMs !== undefined) checkedMs('pollIntervalMs', options.pollIntervalMs, { min: 1 });
    validateFunctions({ random: options.random });
    assertApart(wires);
    this.#runners = wires.map((wire) => new ProcessRunner({ ...wire, ...options }));
  }

  /** The processes, in the order of the wires. */
  get processes(): readonly ProcessRunner[] {
    return this.#runners;
  }

  /** Starts every process. */
  start(options: { readonly signal?: AbortSignal } = {}): void {
    for (const runner of this.#runners) runner.start(options);
  }

  /**
   * Lets the processes work one after the other until nothing follows from anything any more: for tests, and for
   * programs that run once. Not beside `start`.
   *
   * @throws RangeError when it does not end
   * @throws what stops a process
   */
  async settle(): Promise<void> {
    for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) {
      let hasMoved = false;
      for (const runner of this.#runners) hasMoved = (await runner.catchUp()) || hasMoved;
      if (!hasMoved) return;
    }
    throw new RangeError(
      `Something still follows after ${SETTLE_ROUNDS_MAX} rounds. Do two processes answer each other?`,
    );
  }

  /** Stops every process when what is in flight is done. */
  async close(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function assertApart(wires: readonly Wire[]): void {
  for (const [index, wire] of wires.entries()) {
    const twin = wires
      .slice(0, index)
      .find((other) => trackingNameOf(other) === trackingNameOf(wire) && other.into.recorder === wire.into.recorder);
    if (twin === undefined) continue;
    throw new ProgrammingError(
      `Two wires keep their progress as ${trackingNameOf(twin)}. Give the processes, or the applications they follow, names of their own; or the wires, their tracking names.`,
    );
  }
}
