/**
 * One query, and those who watch it.
 *
 * ```text
 * idle ──watched──▶ running ──▶ resting ──what it read was written──▶ running
 *   ▲                  │ written meanwhile ──▶ running again, once       │
 *   │                  └─failed──▶ resting, until anything is written, or a while has passed
 *   └── nobody watches any more ── any of these ── the signal, close, or the store's end ──▶ ended
 * ```
 *
 * Invariants:
 * 1. One run at a time, and one more at most waits: however many commits there are meanwhile.
 * 2. `value` is the same object from one delivery to the next.
 * 3. A result that equals the one before is not delivered, unless the query had failed.
 * 4. What was written after a run began is in the delivered result, or in that of a run that follows.
 *
 * @module
 */
import type { StoreChanges } from '../persistence/store-changes.js';
import { backoffDelayMs } from '../util/backoff.js';
import type { Clock } from '../util/clock.js';
import { ObservableValue } from '../util/observable.js';
import type { Observable } from '../util/observable.js';
import type { LiveReads, NotedReads, RunReads } from './live-reads.js';
import { shared } from './shared-structure.js';
import type { KeyOf } from './shared-structure.js';

const RETRY = { delayMsMin: 250, delayMsMax: 30_000 };

/**
 * How a query stands.
 *
 * `current`: `data` is the last result. `failed`: the last run was rejected with `error`; `data` is the result before it, and the
 * query goes on. `ended`: nothing comes any more, because of `error` where the store was closed or lost.
 */
export type LiveState<T> =
  | { readonly status: 'loading'; readonly data: undefined; readonly error: undefined }
  | { readonly status: 'current'; readonly data: T; readonly error: undefined }
  | { readonly status: 'failed'; readonly data: T | undefined; readonly error: Error }
  | { readonly status: 'ended'; readonly data: T | undefined; readonly error: Error | undefined };

/**
 * A query whose result is kept up to date while somebody watches it. Runs when it is first watched; several watch one.
 *
 * @example
 * ```ts
 * const stop = query.subscribe(({ status, data }) => status === 'current' && show(data));
 *
 * for await (const { data, error } of query) if (error === undefined) show(data);
 *
 * // In React:
 * const { data } = useSyncExternalStore(query.subscribe, () => query.value);
 * ```
 */
export interface LiveQuery<T> extends Observable<LiveState<T>>, AsyncIterable<LiveState<T>> {
  /** The last that was delivered: the same object until the next one is. */
  readonly value: LiveState<T>;
  /** Calls a listener at once with the state that it is in, `loading` too, then with each that is delivered. @returns stops the calls */
  readonly subscribe: (listener: (state: LiveState<T>) => void) => () => void;
  /**
   * Each result, and each failure; of several that came while nobody asked, the last. Ends when the query is ended by its signal
   * or by `close`.
   *
   * @throws by the iteration, why the store has ended, when it has
   */
  [Symbol.asyncIterator](): AsyncIterator<LiveState<T>, undefined, undefined>;
  /**
   * Runs again, and resolves when that is through: what was recorded before the call is in `value` then, or it has failed. At once
   * where nobody watches.
   */
  refresh(): Promise<void>;
}

/** What a {@link RunningQuery} needs. */
export interface RunningQueryParts<T> {
  readonly run: (reads: LiveReads) => Promise<T>;
  readonly newReads: () => RunReads;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called when the first one watches, and when the last one does not any more. */
  readonly onWatched: (isWatched: boolean) => void;
}

/** Implements {@link LiveQuery}. */
export class RunningQuery<T> implements LiveQuery<T> {
  readonly #parts: RunningQueryParts<T>;
  readonly #state = new ObservableValue<LiveState<T>>({ status: 'loading', data: undefined, error: undefined });
  #watchers = 0;
  #isRunning = false;
  #isDue = false;
  #failures = 0;
  #stopRetry: () => void = () => undefined;
  /** Of the last run; of one that failed it may be less than it would have read. */
  #read: NotedReads | undefined;
  /** What was written since the run began that is running. */
  readonly #missed: StoreChanges[] = [];
  /** Wait for a run that begins from now on. */
  #waiting: (() => void)[] = [];

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(parts: RunningQueryParts<T>) {
    this.#parts = parts;
  }

  get value(): LiveState<T> {
    return this.#state.value;
  }

  readonly subscribe = (listener: (state: LiveState<T>) => void): (() => void) => {
    const stop = this.#state.subscribe(listener);
    this.#watch();
    let isWatching = true;
    return () => {
      stop();
      if (isWatching) this.#unwatch();
      isWatching = false;
    };
  };

  [Symbol.asyncIterator](): AsyncIterator<LiveState<T>, undefined, undefined> {
    return new States(this);
  }

  /** Whether personal fields may be gone from its result. */
  get hasEvents(): boolean {
    return this.#read?.hasEvents !== false;
  }

  /** Something was written. */
  note(changes: StoreChanges): void {
    if (this.#isRunning) this.#missed.push(changes);
    else if (this.#isTouched(changes)) this.runSoon();
  }

  /** Runs when whoever tells has told all: others may be due by the same. */
  runSoon(): void {
    if (this.#isRunning) {
      this.#missed.push({ tables: undefined, aggregates: undefined });
      return;
    }
    if (this.#isDue || this.#watchers === 0 || this.#hasEnded()) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#watchers > 0 && !this.#hasEnded() && !this.#isRunning) void this.#run();
    });
  }

  async refresh(): Promise<void> {
    this.runSoon();
    if (this.#watchers === 0 || this.#hasEnded()) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  end(error?: Error): void {
    if (this.#hasEnded()) return;
    this.#stopRetry();
    this.#release(this.#waiting);
    this.#state.set({ status: 'ended', data: this.value.data, error });
  }

  #watch(): void {
    if (++this.#watchers > 1 || this.#hasEnded()) return;
    this.#parts.onWatched(true);
    // Nobody has heard meanwhile of what was written.
    this.runSoon();
  }

  #unwatch(): void {
    if (--this.#watchers > 0) return;
    this.#stopRetry();
    this.#parts.onWatched(false);
    this.#release(this.#waiting);
  }

  #release(waiting: (() => void)[]): void {
    for (const resolve of waiting.splice(0)) resolve();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#missed.length = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#stopRetry();
    const reads = this.#parts.newReads();
    try {
      const data = await this.#parts.run(reads);
      this.#failures = 0;
      this.#read = reads.noted;
      this.#deliver(data);
    } catch (error) {
      this.#failures += 1;
      this.#read = undefined;
      this.#fail(error);
    }
    this.#isRunning = false;
    this.#release(waiting);
    // Not before all is known that this run has read.
    if (this.#missed.some((changes) => this.#isTouched(changes))) this.runSoon();
  }

  #isTouched(changes: StoreChanges): boolean {
    return this.#read?.isTouched(changes) !== false;
  }

  #deliver(data: T): void {
    const { value } = this;
    if (value.status === 'ended' || this.#watchers === 0) return;
    const next = value.data === undefined ? data : shared<T>(value.data, data, this.#parts.keyOf);
    if (value.status === 'current' && Object.is(next, value.data)) return;
    this.#state.set({ status: 'current', data: next, error: undefined });
  }

  #fail(thrown: unknown): void {
    const { value } = this;
    if (value.status === 'ended' || this.#watchers === 0) return;
    const { clock, random } = this.#parts;
    this.#stopRetry = clock.schedule(() => this.runSoon(), backoffDelayMs(this.#failures, random, RETRY));
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    // Said once, however often it is tried.
    if (value.status === 'failed' && value.error.message === error.message) return;
    this.#state.set({ status: 'failed', data: value.data, error });
  }

  // Asked by a method: the compiler does not expect that it changes while a run waits.
  #hasEnded(): boolean {
    return this.value.status === 'ended';
  }
}

/** Iterates over the states of a query: those that came while nobody asked are left out, but the last. */
class States<T> implements AsyncIterator<LiveState<T>, undefined, undefined> {
  readonly #stop: () => void;
  #next: LiveState<T> | undefined;
  #wake: (() => void) | undefined;
  #hasStopped = false;

  constructor(query: LiveQuery<T>) {
    this.#stop = query.subscribe((state) => {
      if (state.status !== 'loading') this.#next = state;
      this.#wake?.();
    });
  }

  async next(): Promise<IteratorResult<LiveState<T>, undefined>> {
    while (this.#next === undefined && !this.#hasStopped) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const state = this.#next;
    this.#next = undefined;
    if (state === undefined || this.#hasStopped) return { done: true, value: undefined };
    if (state.status !== 'ended') return { done: false, value: state };
    await this.return();
    if (state.error !== undefined) throw state.error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<LiveState<T>, undefined>> {
    this.#hasStopped = true;
    this.#stop();
    this.#wake?.();
    return await Promise.resolve({ done: true, value: undefined });
  }
}
