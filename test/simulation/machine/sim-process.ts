/**
 * Something that runs: a tab, or a server. All that comes to its code from outside comes by {@link SimProcess.after}, so
 * that a process that is dead does nothing any more, and one that is frozen does it later.
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../../../src/util/clock.js';
import type { Scheduler } from './scheduler.js';

const current = new AsyncLocalStorage<SimProcess>();

/** Whose code is running. */
export function currentProcess(): SimProcess {
  const process = current.getStore();
  if (process === undefined) throw new Error('Nobody’s code asks for what a process has.');
  return process;
}

/** When simulated time begins, in milliseconds since 1970. */
export const EPOCH_MS: number = Date.UTC(2026, 0, 1);

/** A process with its clock. */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #scheduler: Scheduler;
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #held: (() => void)[] = [];
  readonly #onDeath = new Set<() => void>();

  /** @param offsetMs - by how much its owner has set the clock wrong */
  constructor(name: string, scheduler: Scheduler, offsetMs: () => number) {
    this.name = name;
    this.#scheduler = scheduler;
    this.clock = {
      nowMs: () => EPOCH_MS + scheduler.nowMs + offsetMs(),
      monotonicMs: () => scheduler.nowMs,
      schedule: (callback, delayMs) => this.after(delayMs, callback),
    };
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  /** Runs its code. */
  run<T>(work: () => T): T {
    return current.run(this, work);
  }

  /** Calls back later: when it goes on, if it is frozen then; never, if it is dead. @returns calls it off */
  after(delayMs: number, callback: () => void): () => void {
    let isOff = false;
    const call = (): void => {
      if (isOff || this.#state === 'dead') return;
      if (this.#state === 'frozen') this.#held.push(call);
      else this.run(callback);
    };
    const callOff = this.#scheduler.schedule(call, delayMs);
    return () => {
      isOff = true;
      callOff();
    };
  }

  /** Something that it has begun comes to its end outside of it, whatever it is by then. */
  outlived(delayMs: number, callback: () => void): void {
    this.#scheduler.schedule(callback, delayMs);
  }

  /** Resolves later; never, when it is dead by then. */
  delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Calls a listener when it dies, which is not its code. @returns stops that */
  onDeath(listener: () => void): () => void {
    this.#onDeath.add(listener);
    return () => this.#onDeath.delete(listener);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const call of this.#held.splice(0)) this.#scheduler.schedule(call, 0);
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held = [];
    for (const listener of [...this.#onDeath]) listener();
  }
}
