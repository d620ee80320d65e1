/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Publishes what is in an outbox.
 *
 * ```text
 * starting ─▶ working ──(nothing left)──▶ resting ──(hint, interval, or an entry is due)──▶ working
 *                │                                                                            ▲
 *                ├──(publisher not available, or the outbox failed)──▶ waiting ──(back-off)───┘
 *                └──(close, or the signal)──▶ stopped
 * ```
 *
 * @module
 */
import type { OnRecorded } from '../../persistence/subscription.js';
import { ProgrammingError } from '../../persistence/errors.js';
import { checkedMs, validateCount, validateFunction, validateFunctions } from '../../persistence/validation.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { BackoffBounds } from '../../util/backoff.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { callListener } from '../../util/listeners.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import { envelopeMessages } from './message-format.js';
import type { MessageFormat } from './message-format.js';
import { OutboxBatch } from './outbox-batch.js';
import type { OutboxBatchOptions, OutboxBatchResult } from './outbox-batch.js';
import type { Outbox } from './outbox.js';
import type { Publish, Publisher } from './publisher.js';
import { randomUuid } from '../../util/random-uuid.js';
import { validateSignal } from '../../persistence/heed-signal.js';

// What others who describe this pattern have as well.
const BATCH_ENTRIES = 100;
const INTERVAL_MS = 5_000;
const ATTEMPTS_MAX = 5;
// Longer than any publishing, so that a live worker keeps its lease, and short enough for a person who waits for the
// entries of one that died.
const LEASE_MS = 60_000;
const PUBLISH_TIMEOUT_MS = 30_000;
// Aggregates side by side: enough to hide the way to a broker, few enough for one that limits its clients.
const CONCURRENCY = 8;
// Up to 1, 2, 4 and 8 seconds between five attempts: for what passes by itself. An outage of the whole other side does
// not count as an attempt, so this need not outlast one.
const RETRY: BackoffBounds = { delayMsMin: 1_000, delayMsMax: 60_000 };
// They are written down as whole milliseconds since 1970. Nobody waits for a worker that died for longer than a day.
const RETRY_BOUNDS = { max: 86_400_000 };
const LEASE_BOUNDS = { min: 1, max: 86_400_000 };
// Of one clean-up, so that it stays a short transaction; the next one follows.
const DELETE_ENTRIES_MAX = 1_000;

/** Options of {@link OutboxWorker}. */
export interface OutboxWorkerOptions {
  readonly outbox: Outbox;
  /** What sends the messages, or just its function. Lent: the caller closes it. */
  readonly publish: Publish | Publisher;
  /** Makes the message of an event. @defaultValue `envelopeMessages()` */
  readonly format?: MessageFormat;
  /** Entries in one claim. @defaultValue 100 */
  readonly batch?: number;
  /** Milliseconds between looks for what nobody told of: entries of other processes. @defaultValue 5,000 */
  readonly intervalMs?: number;
  /** An entry becomes a dead letter when this many attempts have failed; the first one counts. @defaultValue 5 */
  readonly maxAttempts?: number;
  /** Exponential back-off with full jitter between attempts; a day at the most. @defaultValue from 1 s, to 60 s at the most */
  readonly retry?: BackoffBounds;
  /** Milliseconds after which others take over from a worker that went silent; a day at the most. @defaultValue 60,000 */
  readonly leaseMs?: number;
  /** Milliseconds to read, format and publish one message; less than the lease. @defaultValue 30,000 */
  readonly publishTimeoutMs?: number;
  /** Aggregates whose entries are published side by side. @defaultValue 8 */
  readonly concurrency?: number;
  /** Milliseconds for which published entries are kept. @defaultValue for ever */
  readonly keepPublishedMs?: number;
  /** Further hints that something was recorded: another tab's, or another process's. */
  readonly onRecorded?: OnRecorded;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: () => number;
  /** Names a claim; never the same twice. @defaultValue random UUIDs */
  readonly newId?: () => string;
}

/** How a worker stands. */
export interface OutboxWorkerStatus {
  readonly state: 'new' | 'working' | 'resting' | 'waiting' | 'stopped';
  /** Since it was started. */
  readonly published: number;
  /** Dead letters that it made, since it was started. */
  readonly failed: number;
  /** What went wrong last; stays until something is published. */
  readonly lastError: Error | undefined;
  /** When it tries again, in milliseconds since 1970, while it waits. */
  readonly nextAttemptAtMs: number | undefined;
}

/**
 * Publishes entries at least once, in order for each aggregate. Several workers may share an outbox, on one machine or
 * many; their clocks should agree to some seconds, or entries are published more often than need be. A lease, or a wait,
 * that reaches further ahead than the longest of its own and an hour is taken for that of a clock that was wrong.
 *
 * @example
 * ```ts
 * const worker = new OutboxWorker({ outbox, publish: new WebhookPublisher({ url, secret }) });
 * worker.start({ signal });
 * ```
 */
export class OutboxWorker implements AsyncDisposable {
  readonly #outbox: Outbox;
  readonly #options: OutboxBatchOptions;
  readonly #batch: number;
  readonly #intervalMs: number;
  readonly #keepPublishedMs: number | undefined;
  readonly #onRecorded: OnRecorded;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #status = new ObservableValue<OutboxWorkerStatus>({
    state: 'new',
    published: 0,
    failed: 0,
    lastError: undefined,
    nextAttemptAtMs: undefined,
  });
  readonly #loop: WorkLoop;
  #hasStarted = false;
  /** Failures of the publisher, or of the outbox, in a row. */
  #failures = 0;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number makes no sense */
  constructor(options: OutboxWorkerOptions) {
    const { outbox, publish, clock = systemClock, onRecorded, newId, random } = options;
    validateFunctions({ onRecorded, newId, random });
    // A publisher is a function, or has one.
    const publisher = typeof publish === 'function' ? publish : publisherOf(publish);
    this.#outbox = outbox;
    this.#clock = clock;
    this.#batch = positive('batch', options.batch ?? BATCH_ENTRIES);
    this.#intervalMs = checkedMs('intervalMs', options.intervalMs ?? INTERVAL_MS, { min: 1 });
    this.#keepPublishedMs = options.keepPublishedMs;
    if (this.#keepPublishedMs !== undefined) checkedMs('keepPublishedMs', this.#keepPublishedMs);
    this.#onRecorded = options.onRecorded ?? (() => () => undefined);
    this.#newId = options.newId ?? randomUuid;
    this.#options = {
      outbox,
      publish: publisher,
      format: options.format ?? envelopeMessages(),
      maxAttempts: positive('maxAttempts', options.maxAttempts ?? ATTEMPTS_MAX),
      retry: checkedBackoff(options.retry ?? RETRY),
      leaseMs: checkedMs('leaseMs', options.leaseMs ?? LEASE_MS, LEASE_BOUNDS),
      publishTimeoutMs: checkedMs('publishTimeoutMs', options.publishTimeoutMs ?? PUBLISH_TIMEOUT_MS, LEASE_BOUNDS),
      concurrency: positive('concurrency', options.concurrency ?? CONCURRENCY),
      clock,
      random: options.random ?? Math.random,
    };
    this.#loop = new WorkLoop({
      clock,
      onStart: () => this.#listen(),
      work: () => this.#work(),
      afterFailure: (error) => this.#afterFailure(error as Error),
    });
    if (this.#options.publishTimeoutMs >= this.#options.leaseMs) {
      throw new ProgrammingError(
        'publishTimeoutMs must be less than leaseMs: otherwise others would take over meanwhile.',
      );
    }
  }

  /** How it stands. */
  get status(): Observable<OutboxWorkerStatus> {
    return this.#status;
  }

  /**
   * Publishes from now on, until it is closed or the signal is aborted.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it was started, or closed, before
   */
  start(options: { readonly signal?: AbortSignal } = {}): void {
    validateSignal(options.signal);
    if (this.#hasStarted || this.#isClosed) throw new ProgrammingError('A worker is started once.');
    this.#hasStarted = true;
    void this.#loop.start(options.signal);
  }

  /**
   * Publishes what can be published now, once, in the caller's own time: for jobs that run by a schedule, and for tests.
   *
   * @returns what became of the entries of the last claim, with the sums of all
   * @throws what the outbox threw
   */
  async runOnce(): Promise<OutboxBatchResult> {
    let sum: OutboxBatchResult | undefined;
    for (;;) {
      const batch = new OutboxBatch(this.#options, this.#newId());
      const result = await batch.run(this.#batch, () => this.#isClosed);
      sum = sum === undefined ? result : added(sum, result);
      // Also when nothing was published: the entries of an aggregate that failed are held back now, and make room for those
      // of others. A batch that settled nothing has lost its lease, or there is nothing left.
      const settled = result.published + result.postponed + result.failed;
      if (settled === 0 || result.unavailable !== undefined || this.#isClosed) break;
    }
    await this.#deleteOld();
    return sum;
  }

  /** Stops: what is under way is finished, the rest is given back. Closing twice is fine. */
  async close(): Promise<void> {
    await this.#loop.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #isClosed(): boolean {
    return this.#loop.signal.aborted;
  }

  #listen(): () => void {
    const onHint = (): void => this.#loop.wake();
    const stops: (() => unknown)[] = [];
    // Without hints it looks for entries from time to time.
    callListener(() => stops.push(this.#outbox.onPending(onHint)));
    callListener(() => stops.push(this.#onRecorded(onHint)));
    return () => {
      for (const stop of stops) callListener(stop);
      this.#show({ state: 'stopped', nextAttemptAtMs: undefined });
    };
  }

  async #work(): Promise<Rest> {
    this.#show({ state: 'working', nextAttemptAtMs: undefined });
    const { published, failed, lastError, unavailable, nextDueAtMs } = await this.runOnce();
    const before = this.#status.value;
    this.#show({
      published: before.published + published,
      failed: before.failed + failed,
      lastError: lastError ?? (published > 0 ? undefined : before.lastError),
    });
    if (unavailable !== undefined) return this.#backOff(unavailable.retryAfterMs);
    this.#failures = 0;
    const untilDueMs = nextDueAtMs === undefined ? Infinity : Math.max(0, nextDueAtMs - this.#clock.nowMs());
    this.#show({ state: 'resting', nextAttemptAtMs: undefined });
    return { ms: Math.min(this.#intervalMs, untilDueMs) };
  }

  #afterFailure(error: Error): Rest {
    this.#show({ lastError: error });
    return this.#backOff();
  }

  #backOff(retryAfterMs: number = 0): Rest {
    const { random, retry } = this.#options;
    const delayMs = Math.max(retryAfterMs, backoffDelayMs(++this.#failures, random, retry));
    this.#show({ state: 'waiting', nextAttemptAtMs: this.#clock.nowMs() + delayMs });
    // Hints are of no use now: it is not for want of entries that it waits.
    return { ms: delayMs, isExact: true };
  }

  async #deleteOld(): Promise<void> {
    if (this.#keepPublishedMs === undefined) return;
    const beforeMs = this.#clock.nowMs() - this.#keepPublishedMs;
    await this.#outbox.deletePublished(beforeMs, DELETE_ENTRIES_MAX);
  }

  #show(change: Partial<OutboxWorkerStatus>): void {
    this.#status.set({ ...this.#status.value, ...change });
  }
}

function added(sum: OutboxBatchResult, next: OutboxBatchResult): OutboxBatchResult {
  return {
    claimed: sum.claimed + next.claimed,
    published: sum.published + next.published,
    postponed: sum.postponed + next.postponed,
    failed: sum.failed + next.failed,
    nextDueAtMs: earlier(sum.nextDueAtMs, next.nextDueAtMs),
    unavailable: next.unavailable,
    lastError: next.lastError ?? sum.lastError,
  };
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function checkedBackoff(bounds: BackoffBounds): BackoffBounds {
  checkedMs('retry.delayMsMin', bounds.delayMsMin, RETRY_BOUNDS);
  checkedMs('retry.delayMsMax', bounds.delayMsMax, RETRY_BOUNDS);
  return bounds;
}

function publisherOf(publisher: Publisher): OutboxBatchOptions['publish'] {
  validateFunction('publish', (publisher as Partial<Record<'publish', unknown>>).publish);
  return publisher.publish.bind(publisher);
}

function positive(name: string, value: number): number {
  validateCount(name, value);
  return value;
}
