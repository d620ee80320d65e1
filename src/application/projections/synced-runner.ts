/**
 * Keeps a view of a synchronised store up to date, a transaction at a time, and puts events aside that cannot be handled.
 *
 * @module
 */
import { isSynchronised } from '../../persistence/sql/unit-order.js';
import type { UnitOrder } from '../../persistence/sql/unit-order.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import type { EventLog } from '../log/event-log.js';
import { readOne } from '../log/event-pages.js';
import { asFinal, isTransient } from '../log/transient-errors.js';
import { whyUnreadable } from '../events/unreadable-event.js';
import { ATTEMPT_BACKOFF, HandlerFailure, waitedOut } from './projection-applier.js';
import type { FailurePolicy } from './projection-applier.js';
import type { SyncedViews, ViewGeneration } from './projection-store.js';
import type { Projection } from './projection.js';
import type { SyncedOutcome } from './synced-catch-up.js';
import { takeInSynced } from './synced-projection.js';
import type { FailedEvent } from './synced-projection.js';
import type { Following } from './view-tail.js';

/** What a {@link SyncedRunner} needs. */
export interface SyncedRunnerOptions<View> {
  readonly projection: Projection<View>;
  readonly log: Pick<EventLog, 'decode'>;
  readonly views: SyncedViews<View>;
  readonly policy: FailurePolicy;
  /** @defaultValue `undo`, where it can be */
  readonly follows: Following | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  /** Events in one transaction, about. */
  readonly limit: number;
}

/** What a piece of work came to. */
export interface SyncedStep {
  readonly outcome: SyncedOutcome;
  readonly order: UnitOrder;
  /** Whether an event failed at first, so that there may be a dead letter. */
  readonly hasFailed: boolean;
}

/** Attempts with one event. */
interface Attempts {
  readonly firstFailedAtMs: number;
  readonly count: number;
}

/** Takes what is new into the views of one projection. */
export class SyncedRunner<View> {
  readonly #options: SyncedRunnerOptions<View>;
  #isOn = false;

  constructor(options: SyncedRunnerOptions<View>) {
    this.#options = options;
  }

  /** Whether the store has heard of a server's log; then it stays so. */
  async isOn(): Promise<boolean> {
    if (!this.#isOn) this.#isOn = await isSynchronised(this.#options.views.recorder);
    return this.#isOn;
  }

  /**
   * Takes in as much as one transaction has.
   *
   * @throws what the handler rejected with, when the policy is to stop
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the store fails; trying again may help
   */
  async step(generation: ViewGeneration, signal: AbortSignal): Promise<SyncedStep> {
    const { policy, clock, random } = this.#options;
    const attempts = new Map<NotificationId, Attempts>();
    const failed = new Map<NotificationId, FailedEvent>();
    for (;;) {
      signal.throwIfAborted();
      try {
        const step = await this.#take(generation, failed);
        return { ...step, hasFailed: attempts.size > 0 };
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error;
        const { event, cause } = error;
        // A failing store is no fault of the event's.
        if (isTransient(cause)) throw cause;
        const nowMs = clock.nowMs();
        const { firstFailedAtMs = nowMs, count = 0 } = attempts.get(event.notificationId) ?? {};
        const retryCount = count + 1;
        attempts.set(event.notificationId, { firstFailedAtMs, count: retryCount });
        // It is read once for all attempts: none of them would find it any different.
        const isLast = retryCount >= policy.attemptsMax || whyUnreadable(event) !== undefined;
        if (!isLast) await pause(clock, backoffDelayMs(retryCount, random, ATTEMPT_BACKOFF), signal);
        else if (policy.then === 'stop') throw asFinal(cause);
        else if (policy.then === 'retry') throw waitedOut(event, cause);
        else failed.set(event.notificationId, { error: cause, retryCount, firstFailedAtMs, lastFailedAtMs: nowMs });
      }
    }
  }

  async #take(
    generation: ViewGeneration,
    failed: ReadonlyMap<NotificationId, FailedEvent>,
  ): Promise<Pick<SyncedStep, 'outcome' | 'order'>> {
    const { projection, log, views, follows, clock, limit } = this.#options;
    return await views.transaction(generation, follows, (synced) =>
      takeInSynced(synced, {
        ...{ projection, clock, limit, failed },
        following: follows ?? 'undo',
        decode: (notification) => readOne(log, notification),
        // Nobody reads the next one yet.
        mayBePartial: generation === 'next',
      }),
    );
  }
}
