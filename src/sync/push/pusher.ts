/**
 * Pushes what the server has not confirmed, one batch after another, for ever.
 *
 * ```text
 *             nothing pending            pushed
 *   ┌──────▶ idle ──new commit──▶ pushing ──┐
 *   │         ▲                      ▲  │ ▲  │
 *   │         └──────────────────────┼──┘ └──┘ more pending
 *   │                                │ failed
 * paused   offline ──online──▶ (attempt) ◀──time, online, focus, commit── waiting / stopped
 * ```
 *
 * Invariants:
 * 1. An event counts as confirmed only when an answer of the server says so, and the store has recorded that it did.
 * 2. A batch is cut from the store anew for each attempt, always right after the last confirmed id. So a batch whose
 *    fate is unknown is sent again, and the server, which records the id of the last event with the events, answers it.
 * 3. Between two attempts lies at least what `Retry-After` asked for, up to an hour.
 * 4. Nothing here deletes or changes an event.
 *
 * @module
 */
import type { Notification } from '../../persistence/stored-event.js';
import type { Clock } from '../../util/clock.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { backoffDelayMs } from '../../util/backoff.js';
import { readConfirmed, recordConfirmed } from '../confirmed.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import { BACKOFF_DELAY_MS_MAX, PUSH_BACKOFF } from './push-backoff.js';
import {
  PUSH_BODY_BYTES_MAX,
  PUSH_EVENTS_MAX,
  ReplicaDivergedError,
  ServerBehindError,
  toPushRequest,
  TooLargeError,
  UnavailableError,
} from '../protocol/index.js';
import type { PushRequest, PushResponse } from '../protocol/index.js';
import type { Transport } from './push-transport.js';
import { INITIAL_SYNC_STATUS } from '../sync-status.js';
import type { SyncState, SyncStatus } from '../sync-status.js';
import type { SyncStore } from '../sync-store.js';

// However often something is committed, the server is not asked more often than this while it fails.
const ATTEMPT_INTERVAL_MS_MIN = 1_000;
// What an event takes on the wire beside its state and topic: ids, names of fields, punctuation.
const EVENT_OVERHEAD_BYTES = 200;
// Leaves room for the rest of the request.
const BATCH_BYTES_MAX = PUSH_BODY_BYTES_MAX - 4_096;

/** What to do when the server has lost what it had confirmed. */
export type OnServerBehind = 'stop' | 'resend';

/** What a {@link Pusher} needs. */
export interface PusherOptions {
  readonly store: SyncStore;
  readonly transport: Transport;
  readonly onServerBehind: OnServerBehind;
  readonly isOffline: () => boolean;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The loop that pushes. Runs in one tab at a time. */
export class Pusher {
  readonly #options: PusherOptions;
  readonly #status = new ObservableValue<SyncStatus>(INITIAL_SYNC_STATUS);
  /** How it stands. */
  readonly status: Observable<SyncStatus> = this.#status;
  readonly #loop: WorkLoop;
  #paused = false;
  /** Failed attempts in a row. */
  #failures = 0;
  /** Whether the last failure was the server's refusal, which a new commit does not change. */
  #refused = false;
  #lastAttemptAtMs = -Infinity;
  /** When the next attempt is due; moved forward by reasons to hope. */
  #nextAttemptAtMs = -Infinity;
  /** What `Retry-After` asked for: no reason to hope moves the next attempt before it. */
  #retryFloorMs = -Infinity;
  /** Where the server stands, where that is behind what the store remembers; otherwise no limit. */
  #serverId = Infinity;
  #batchEventsMax = PUSH_EVENTS_MAX;

  constructor(options: PusherOptions) {
    this.#options = options;
    this.#loop = new WorkLoop({
      clock: options.clock,
      work: () => this.#step(),
      afterFailure: (error) => this.#afterFailure(error as Error),
    });
  }

  /** Pauses or goes on. While paused nothing is sent; a batch on its way is finished. */
  setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.attemptNow();
  }

  /** Takes a reason to hope: forgets the failures and tries at once, though not before `Retry-After`. */
  attemptNow(): void {
    this.#failures = 0;
    this.#nextAttemptAtMs = this.#retryFloorMs;
    this.#loop.wake();
  }

  /** Takes a new commit: ends idleness; where the server was out of reach, brings the next attempt forward, within bounds. */
  noteCommit(): void {
    if (!this.#refused) {
      const earliestMs = Math.max(this.#retryFloorMs, this.#lastAttemptAtMs + ATTEMPT_INTERVAL_MS_MIN);
      this.#nextAttemptAtMs = Math.min(this.#nextAttemptAtMs, earliestMs);
    }
    this.#loop.wake();
  }

  /** Runs until the signal says stop. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal);
  }

  async #step(): Promise<Rest> {
    const { clock, isOffline } = this.#options;
    const after = await this.#refresh();
    if (this.#paused) return this.#enter('paused');
    if (this.#status.value.pending === 0) return this.#enter('idle');
    // Tried once a minute all the same: browsers have been wrong about being offline.
    if (isOffline() && this.#nextAttemptAtMs === -Infinity) {
      this.#nextAttemptAtMs = clock.nowMs() + BACKOFF_DELAY_MS_MAX;
    }
    const waitMs = this.#nextAttemptAtMs - clock.nowMs();
    if (waitMs > 0) return this.#enter(this.#waitingState(), waitMs);
    this.#enter('pushing');
    this.#lastAttemptAtMs = clock.nowMs();
    await this.#pushBatch(after);
    return 'none';
  }

  #waitingState(): SyncState {
    if (this.#options.isOffline()) return 'offline';
    return this.#refused ? 'stopped' : 'waiting';
  }

  /** Reads how far the store and the server are. @returns the id to push after */
  async #refresh(): Promise<number> {
    const { recorder } = this.#options.store;
    const { confirmedId, pending } = await readConfirmed(recorder, this.#serverId);
    if (confirmedId < this.#serverId) this.#serverId = Infinity;
    this.#update({ confirmedId, pending, offline: this.#options.isOffline() });
    return confirmedId;
  }

  async #pushBatch(after: number): Promise<void> {
    const { store } = this.#options;
    const batch = await this.#cutBatch(after);
    const lastId = batch.at(-1)?.id;
    if (lastId === undefined) return;
    const answer = await this.#push(toPushRequest(store.replicaId, after, batch));
    if (answer === undefined) return;
    if (answer.tracking.id < lastId) {
      throw new UnavailableError('The server answered, but did not confirm the whole batch. It is tried again.');
    }
    await this.#confirm(answer.tracking.id);
    this.#failures = 0;
    this.#refused = false;
    this.#nextAttemptAtMs = -Infinity;
    this.#retryFloorMs = -Infinity;
    this.#batchEventsMax = PUSH_EVENTS_MAX;
    this.#update({ lastSuccessAtMs: this.#options.clock.nowMs(), lastError: undefined });
  }

  async #push(request: PushRequest): Promise<PushResponse | undefined> {
    try {
      return await this.#options.transport.push(request, this.#loop.signal);
    } catch (error) {
      if (error instanceof TooLargeError && request.events.length > 1) {
        this.#batchEventsMax = Math.floor(request.events.length / 2);
        return undefined;
      }
      if (error instanceof ServerBehindError && this.#options.onServerBehind === 'resend') {
        const { trackingId } = error.details;
        if (typeof trackingId === 'number' && trackingId >= 0 && trackingId < request.after) {
          this.#serverId = trackingId;
          return undefined;
        }
      }
      throw error;
    }
  }

  async #cutBatch(after: number): Promise<readonly Notification[]> {
    const page = await this.#options.store.recorder.selectNotifications({
      start: after + 1,
      limit: this.#batchEventsMax,
    });
    let bytes = 0;
    const fitting = page.findIndex((notification) => (bytes += wireBytes(notification)) > BATCH_BYTES_MAX);
    // One event always goes, whatever its size: the server says whether it is too large.
    return fitting === -1 ? page : page.slice(0, Math.max(1, fitting));
  }

  async #confirm(notificationId: number): Promise<void> {
    if (!(await recordConfirmed(this.#options.store.recorder, notificationId))) {
      throw new ReplicaDivergedError(
        'The server holds more of this store than the store itself: it was copied or set back. Nothing is pushed until this is settled.',
        { details: { trackingId: notificationId } },
      );
    }
    if (this.#serverId < Infinity) this.#serverId = notificationId;
  }

  #afterFailure(error: Error): Rest {
    if (this.#loop.signal.aborted) return 'none';
    const nowMs = this.#options.clock.nowMs();
    const asked = error instanceof UnavailableError ? error.details['retryAfterMs'] : undefined;
    this.#failures++;
    this.#refused = !(error instanceof UnavailableError);
    this.#retryFloorMs = typeof asked === 'number' ? nowMs + asked : -Infinity;
    const delayMs = this.#refused
      ? BACKOFF_DELAY_MS_MAX
      : backoffDelayMs(this.#failures, this.#options.random, PUSH_BACKOFF);
    this.#nextAttemptAtMs = Math.max(this.#retryFloorMs, nowMs + delayMs);
    this.#update({ lastError: error });
    return this.#enter(this.#waitingState(), this.#nextAttemptAtMs - nowMs);
  }

  /**
   * Shows a state, and when the time of that is over.
   *
   * @returns the rest in it: until there is a reason to look again. Whether that is one to try, the next step says
   */
  #enter(state: SyncState, ms: number = Infinity): Rest {
    const nextAttemptAtMs = ms === Infinity ? undefined : this.#options.clock.nowMs() + ms;
    this.#update({ state, nextAttemptAtMs });
    return { ms };
  }

  #update(change: Partial<SyncStatus>): void {
    const before = this.#status.value;
    // Whoever watches is told of what has changed, and not of every look.
    if (Object.entries(change).some(([field, value]) => value !== before[field as keyof SyncStatus])) {
      this.#status.set({ ...before, ...change });
    }
  }
}

function wireBytes(notification: Notification): number {
  return Math.ceil(notification.state.length / 3) * 4 + notification.topic.length * 3 + EVENT_OVERHEAD_BYTES;
}
