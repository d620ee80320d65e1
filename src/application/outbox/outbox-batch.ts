/**
 * Publishes the entries of one claim: each aggregate's one after the other, aggregates side by side.
 *
 * Invariants:
 * 1. An entry is published only after the one before it, of its aggregate, was. So however often a worker dies, and
 *    whoever takes over, what arrives for the first time arrives in order.
 * 2. Nothing is begun under a lease that is about to expire: the lease is prolonged before, or the batch ends.
 * 3. When the publisher is not available, the batch ends, and no entry is blamed.
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { BackoffBounds } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';
import type { MessageFormat } from './message-format.js';
import type { Outbox, OutboxEntry } from './outbox.js';
import { OutcomeWriter } from './outcome-writer.js';
import { PublishError, PublisherUnavailableError } from './publish-errors.js';
import type { PublishErrorDetails } from './publish-errors.js';
import type { Publish } from './publisher.js';
import { grouped } from '../../util/grouped.js';

// How far ahead a time may be beyond the longest that this worker writes itself. Others may have longer leases and waits;
// and nobody waits longer than this because a clock was set back.
const AHEAD_MS_MAX = 3_600_000;

/** What publishing a batch takes. All times in milliseconds. */
export interface OutboxBatchOptions {
  readonly outbox: Outbox;
  readonly publish: Publish;
  readonly format: MessageFormat;
  readonly maxAttempts: number;
  readonly retry: BackoffBounds;
  readonly leaseMs: number;
  readonly publishTimeoutMs: number;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** That nothing can be sent at present. */
export interface Unavailability {
  readonly error: Error;
  /** Milliseconds that the other side asks to wait for; 0 when it does not say. */
  readonly retryAfterMs: number;
}

/** What became of a batch. */
export interface OutboxBatchResult {
  /** Entries that were claimed. */
  readonly claimed: number;
  readonly published: number;
  /** Entries that are tried again later. */
  readonly postponed: number;
  /** Entries that became dead letters. */
  readonly failed: number;
  /** When the first of the postponed is due, in milliseconds since 1970. */
  readonly nextDueAtMs: number | undefined;
  /** Why the batch ended early: the publisher was not available. */
  readonly unavailable: Unavailability | undefined;
  /** The last error of an entry. */
  readonly lastError: Error | undefined;
}

/** One claim's work. Used once. */
export class OutboxBatch {
  readonly #options: OutboxBatchOptions;
  readonly #leaseId: string;
  readonly #writer: OutcomeWriter;
  readonly #result = { claimed: 0, published: 0, postponed: 0, failed: 0 };
  /** By the monotonic clock, as what is in the outbox is by the other one: that one may be set meanwhile. */
  #leaseEndsMs: number;
  #renewing: Promise<boolean> | undefined;
  #nextDueAtMs: number | undefined;
  #unavailable: Unavailability | undefined;
  #lastError: Error | undefined;
  #isStopped: () => boolean = () => false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: OutboxBatchOptions, leaseId: string) {
    this.#options = options;
    this.#leaseId = leaseId;
    this.#writer = new OutcomeWriter(options.outbox, leaseId);
    this.#leaseEndsMs = options.clock.monotonicMs() + options.leaseMs;
  }

  /**
   * Claims and publishes.
   *
   * @param isStopped - asked before each entry; what is under way is finished
   * @throws what the outbox threw; what was published and not written down is published again
   */
  async run(limit: number, isStopped: () => boolean): Promise<OutboxBatchResult> {
    this.#isStopped = isStopped;
    const { outbox, clock, leaseMs } = this.#options;
    const nowMs = clock.nowMs();
    const horizonMs = nowMs + this.#aheadMsMax;
    const lease = { leaseId: this.#leaseId, nowMs, leaseUntilMs: nowMs + leaseMs, horizonMs };
    const entries = await outbox.claim({ ...lease, limit });
    if (entries.length > 0) await this.#publishAll(entries);
    return {
      ...this.#result,
      claimed: entries.length,
      nextDueAtMs: this.#nextDueAtMs,
      unavailable: this.#unavailable,
      lastError: this.#lastError,
    };
  }

  get #aheadMsMax(): number {
    const { leaseMs, retry } = this.#options;
    return AHEAD_MS_MAX + Math.max(leaseMs, retry.delayMsMax);
  }

  async #publishAll(entries: readonly OutboxEntry[]): Promise<void> {
    const queues = grouped(entries, ({ aggregateId }) => aggregateId).values();
    // They share one iterator: each takes the next aggregate when it has finished one.
    const lanes = Array.from({ length: this.#options.concurrency }, async () => {
      for (const queue of queues) await this.#publishQueue(queue);
    });
    await Promise.all(lanes);
    await this.#writer.finish();
    if (this.#failure !== undefined) throw this.#failure.error;
    const settled = this.#result.published + this.#result.postponed + this.#result.failed;
    if (settled < entries.length) await this.#options.outbox.release(this.#leaseId);
  }

  /** The entries of one aggregate, up to the first that is not published. Never rejects: others are under way. */
  async #publishQueue(queue: readonly OutboxEntry[]): Promise<void> {
    try {
      for (const entry of queue) {
        if (this.#mustEnd() || !(await this.#holdsLease()) || !(await this.#publishEntry(entry))) return;
      }
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #mustEnd(): boolean {
    return (
      this.#isStopped() || this.#unavailable !== undefined || this.#failure !== undefined || this.#writer.hasFailed
    );
  }

  /** Prolongs the lease when less than half of it is left; once for all lanes. */
  async #holdsLease(): Promise<boolean> {
    const { outbox, clock, leaseMs } = this.#options;
    if (this.#leaseEndsMs - clock.monotonicMs() > leaseMs / 2) return true;
    const endsMs = clock.monotonicMs() + leaseMs;
    this.#renewing ??= outbox
      .renew(this.#leaseId, clock.nowMs() + leaseMs)
      .then((isHeld) => {
        if (isHeld) this.#leaseEndsMs = endsMs;
        return isHeld;
      })
      .finally(() => {
        this.#renewing = undefined;
      });
    return await this.#renewing;
  }

  /** @returns whether it was published */
  async #publishEntry(entry: OutboxEntry): Promise<boolean> {
    const { clock } = this.#options;
    const deadline = this.#deadline();
    try {
      await withinTime(this.#formatAndPublish(entry, deadline.signal), deadline.signal);
    } catch (error) {
      this.#notPublished(entry, error);
      return false;
    } finally {
      deadline.cancel();
    }
    this.#result.published++;
    this.#writer.add({ id: entry.id, kind: 'published', publishedAtMs: clock.nowMs() });
    return true;
  }

  /** All of it may be code of others: ciphers, formats, publishers. */
  async #formatAndPublish(entry: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { format, publish } = this.#options;
    const message = await format(await entry.event());
    // Its time may be over, and the entry somebody else's.
    signal.throwIfAborted();
    // A function that forgets to return a promise has published nevertheless.
    await publish(message, { signal });
  }

  #deadline(): { readonly signal: AbortSignal; cancel(): void } {
    const { clock, publishTimeoutMs } = this.#options;
    const controller = new AbortController();
    const timeoutMs = Math.max(0, Math.min(publishTimeoutMs, this.#leaseEndsMs - clock.monotonicMs()));
    const cancel = clock.schedule(() => {
      controller.abort(new PublishError(`Publishing took longer than ${timeoutMs} ms.`, { details: { timeoutMs } }));
    }, timeoutMs);
    return { signal: controller.signal, cancel };
  }

  #notPublished(entry: OutboxEntry, thrown: unknown): void {
    const { clock, maxAttempts, retry, random } = this.#options;
    const error = toError(thrown);
    this.#lastError = error;
    const { isPermanent = false, retryAfterMs: asked = 0 } = publishDetails(error);
    // Beyond that it would count as a mistake when it is read again.
    const retryAfterMs = asked > 0 ? Math.min(asked, AHEAD_MS_MAX) : 0;
    const isUnavailable = isEventSourcingError(error) && error.code === PublisherUnavailableError.code;
    if (isUnavailable) this.#unavailable ??= { error, retryAfterMs };
    const attempts = entry.retryCount + 1;
    const isGivenUp = !isUnavailable && (isPermanent || attempts >= maxAttempts);
    const delayMs = isUnavailable ? 0 : Math.max(retryAfterMs, backoffDelayMs(attempts, random, retry));
    const nextAttemptAtMs = isGivenUp ? 0 : clock.nowMs() + delayMs;
    if (isGivenUp) this.#result.failed++;
    else {
      this.#result.postponed++;
      this.#nextDueAtMs = Math.min(nextAttemptAtMs, this.#nextDueAtMs ?? Infinity);
    }
    const kind = isGivenUp ? 'failed' : 'again';
    this.#writer.add({
      id: entry.id,
      kind,
      error: `${error.name}: ${error.message}`,
      counts: !isUnavailable,
      nextAttemptAtMs,
    });
  }
}

/** Waits for code of others, also for such as does not care for its signal. */
async function withinTime(published: Promise<void>, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void published.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

function publishDetails(error: Error): PublishErrorDetails {
  return isEventSourcingError(error) ? (error.details as PublishErrorDetails) : {};
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
