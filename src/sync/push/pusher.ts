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
 * 3. Between two attempts lies at least what `Retry-After` asked for, up to an hour; of a stranger, up to a minute.
 * 4. Nothing here deletes or changes an event.
 * 5. While nothing is pending, the last event that was confirmed is sent again once in a while: a server that was
 *    restored or exchanged would not be noticed otherwise. It is answered as recorded before.
 * 6. Before the first batch of a start, the last event that was confirmed is asked about: a store that lost events, and has
 *    given their ids to others since, would not be noticed otherwise, and those others never be sent.
 * 7. A refusal may be this tab's alone: its token, its worker, its version. So after one a turn ends, and another tab may
 *    have the next one.
 *
 * @module
 */
import { logBehind } from '../../persistence/log-behind.js';
import type { LogBehindError } from '../../persistence/log-behind.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { Clock } from '../../util/clock.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { backoffDelayMs } from '../../util/backoff.js';
import { BatchSize, bytesOf } from './batch-size.js';
import { readConfirmed, recordConfirmed } from '../confirmed.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import { BACKOFF_DELAY_MS_MAX, PUSH_BACKOFF } from './push-backoff.js';
import {
  ReplicaDivergedError,
  ServerBehindError,
  toPushRequest,
  TooLargeError,
  UnavailableError,
} from '../protocol/index.js';
import type { PushResponse } from '../protocol/index.js';
import { TOKEN_REASON } from '../exchange/server-requests.js';
import type { Transport } from './push-transport.js';
import { INITIAL_SYNC_STATUS } from '../sync-status.js';
import type { SyncState, SyncStatus } from '../sync-status.js';
import type { SyncStore } from '../sync-store.js';

// However often something is committed, the server is not asked more often than this while it fails.
const ATTEMPT_INTERVAL_MS_MIN = 1_000;
// How often an idle replica asks whether the server still has what it confirmed, from the start on.
const CHECK_INTERVAL_MS = 900_000;
// And when there is a reason to ask sooner: the network came back, a person came back, or asked for it.
const CHECK_INTERVAL_MS_MIN = 60_000;
// A request that failed after so long failed for its size, as far as anybody can tell.
const LONG_MS = 10_000;

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
  readonly #size: BatchSize;
  /** Of the present turn, or the last one. All times below are by the monotonic clock. */
  #loop: WorkLoop;
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
  /** When to ask, while idle, whether the server still has what it confirmed. */
  #nextCheckAtMs = -Infinity;
  #lastCheckAtMs = -Infinity;
  /** Where the server stands, where that is behind what the store remembers; otherwise no limit. */
  #serverId = Infinity;
  /** Whether the server has said, since the start, that it has the last confirmed event as it is here. */
  #isAsked = false;
  /** Why nothing is sent any more: the store has lost events that were confirmed. */
  #behind: LogBehindError | undefined;

  constructor(options: PusherOptions) {
    this.#options = options;
    this.#size = new BatchSize(options.clock);
    this.#loop = this.#newLoop();
  }

  #newLoop(): WorkLoop {
    return new WorkLoop({
      clock: this.#options.clock,
      work: () => this.#step(),
      afterFailure: (error) => this.#afterFailure(error as Error),
    });
  }

  /** Milliseconds until the next attempt is due; 0 when there is nothing to wait for. */
  get waitMs(): number {
    return Math.max(0, this.#nextAttemptAtMs - this.#options.clock.monotonicMs());
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
    this.#nextCheckAtMs = Math.min(this.#nextCheckAtMs, this.#lastCheckAtMs + CHECK_INTERVAL_MS_MIN);
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

  /** Takes one turn, until the signal says stop, or after a failure that may be of this tab alone. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    if (this.#loop.signal.aborted) this.#loop = this.#newLoop();
    // What this tab knew in the turn before may be long over.
    if (this.waitMs === 0) this.#update({ state: 'starting' });
    return this.#loop.start(signal);
  }

  async #step(): Promise<Rest> {
    const { clock, isOffline } = this.#options;
    const { after, hasNews } = await this.#refresh();
    if (this.#paused) return this.#enter('paused');
    const nowMs = clock.monotonicMs();
    const canCheck = this.#canCheck(after);
    if (!hasNews && !(this.#refused && canCheck)) {
      const restMs = canCheck ? this.#nextCheckAtMs - nowMs : Infinity;
      if (restMs > 0) return this.#enter('idle', undefined, restMs);
      this.#enter('idle');
      await this.#check(after);
      return 'none';
    }
    // Tried once a minute all the same: browsers have been wrong about being offline.
    if (isOffline() && this.#nextAttemptAtMs === -Infinity) this.#nextAttemptAtMs = nowMs + BACKOFF_DELAY_MS_MAX;
    const { waitMs } = this;
    if (waitMs > 0) return this.#enter(this.#waitingState(), waitMs);
    this.#enter('pushing');
    this.#lastAttemptAtMs = nowMs;
    await (hasNews ? this.#pushBatch(after) : this.#check(after));
    return 'none';
  }

  #waitingState(): SyncState {
    if (this.#options.isOffline()) return 'offline';
    return this.#refused ? 'stopped' : 'waiting';
  }

  /** Reads how far the store and the server are, and shows it. @returns the id to push after, and whether there is anything after it */
  async #refresh(): Promise<{ readonly after: number; readonly hasNews: boolean }> {
    const { isOffline, onServerBehind, store } = this.#options;
    try {
      const { confirmedId, largestId, pending } = await readConfirmed(store.recorder, this.#serverId);
      this.#assertNotBehind(confirmedId, largestId);
      if (confirmedId < this.#serverId) this.#serverId = Infinity;
      this.#update({ confirmedId, pending, offline: isOffline() });
      const isSettled = this.#serverId === Infinity || onServerBehind === 'resend';
      const after = isSettled ? confirmedId : (await readConfirmed(store.recorder)).confirmedId;
      return { after, hasNews: after < largestId };
    } catch (error) {
      this.#update({ pending: undefined });
      throw error;
    }
  }

  /**
   * What is recorded under ids that were confirmed would never be sent. Once it was so it stays so: by the next look the
   * store may have grown past them.
   */
  #assertNotBehind(position: NotificationId, head: NotificationId): void {
    if (head < position) {
      const exit = 'Nothing is pushed until this is settled: restore the store to where it was.';
      this.#behind = logBehind({ what: 'The server', position, head, exit });
    }
    if (this.#behind !== undefined) throw this.#behind;
  }

  /** Whether anything that was confirmed can be asked about: not what a copy has of its original. */
  #canCheck(confirmedId: number): boolean {
    return confirmedId > (this.#options.store.pushBaseId ?? 0) && !this.#options.isOffline();
  }

  /** Sends the last confirmed event again. What the network has to say of that is of no interest: nothing is pending. */
  async #check(confirmedId: number): Promise<void> {
    const { store, clock } = this.#options;
    this.#lastCheckAtMs = clock.monotonicMs();
    this.#nextCheckAtMs = this.#lastCheckAtMs + CHECK_INTERVAL_MS;
    const batch = await store.recorder.selectNotifications({ start: confirmedId, limit: 1 });
    if (batch[0]?.id !== confirmedId) return;
    try {
      const answer = await this.#push(batch, confirmedId - 1);
      if (answer !== undefined) await this.#succeed(answer);
    } catch (error) {
      if (this.#refused || error instanceof ServerBehindError || error instanceof ReplicaDivergedError) throw error;
    }
  }

  async #pushBatch(after: number): Promise<void> {
    const { clock, store } = this.#options;
    // With the last confirmed one before it: the server says whether it has that as it is here.
    const from = this.#isAsked || after <= (store.pushBaseId ?? 0) ? after : after - 1;
    const page = await store.recorder.selectNotifications({ start: from + 1, limit: this.#size.eventsMax });
    const batch = this.#size.cut(page);
    const lastId = batch.at(-1)?.id;
    if (lastId === undefined) return;
    const startMs = clock.monotonicMs();
    const answer = await this.#push(batch, from);
    if (answer === undefined) return;
    if (answer.tracking.id < lastId) {
      throw new UnavailableError('The server answered, but did not confirm the whole batch. It is tried again.');
    }
    this.#size.succeeded(clock.monotonicMs() - startMs);
    await this.#succeed(answer);
  }

  async #succeed(answer: PushResponse): Promise<void> {
    const { clock } = this.#options;
    await this.#confirm(answer.tracking.id);
    this.#isAsked = true;
    this.#failures = 0;
    this.#refused = false;
    this.#nextAttemptAtMs = -Infinity;
    this.#retryFloorMs = -Infinity;
    this.#nextCheckAtMs = clock.monotonicMs() + CHECK_INTERVAL_MS;
    this.#update({ lastSuccessAtMs: clock.nowMs(), lastError: undefined });
  }

  /** @returns `undefined` when there is something to be done otherwise, at once */
  async #push(batch: readonly Notification[], after: number): Promise<PushResponse | undefined> {
    const { clock, onServerBehind, store, transport } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      return await transport.push(toPushRequest(store.replicaId, after, batch), this.#loop.signal);
    } catch (error) {
      if (error instanceof TooLargeError) {
        if (batch.length === 1 && batch[0]?.id === this.#status.value.confirmedId) {
          // It was taken once, before there was such a limit: no reason to keep those after it.
          this.#isAsked = true;
          return undefined;
        }
        if (batch.length === 1) throw eventTooLarge(batch[0] as Notification, error);
        this.#size.failed(batch, true);
        return undefined;
      }
      if (error instanceof UnavailableError && mayBeForSize(error)) {
        this.#size.failed(batch, clock.monotonicMs() - startMs > LONG_MS);
      }
      if (error instanceof ServerBehindError) {
        const { trackingId } = error.details;
        if (typeof trackingId === 'number' && trackingId >= 0 && trackingId < after) {
          this.#serverId = trackingId;
          if (onServerBehind === 'resend') return undefined;
          // What it lost is pending again, whoever has to decide what becomes of it.
          await this.#refresh();
        }
      }
      throw error;
    }
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
    const nowMs = this.#options.clock.monotonicMs();
    const asked = error instanceof UnavailableError ? error.details['retryAfterMs'] : undefined;
    this.#failures++;
    this.#refused = !(error instanceof UnavailableError);
    this.#retryFloorMs = typeof asked === 'number' ? nowMs + asked : -Infinity;
    const delayMs = this.#refused
      ? BACKOFF_DELAY_MS_MAX
      : backoffDelayMs(this.#failures, this.#options.random, PUSH_BACKOFF);
    this.#nextAttemptAtMs = Math.max(this.#retryFloorMs, nowMs + delayMs);
    this.#update({ lastError: error });
    const rest = this.#enter(this.#waitingState(), this.#nextAttemptAtMs - nowMs);
    if (mayBeOwn(error)) void this.#loop.close();
    return rest;
  }

  /**
   * Shows a state, and when the time of that is over.
   *
   * @param waitMs - until the next attempt
   * @param restMs - until the next look
   * @returns the rest in it: until there is a reason to look again. Whether that is one to try, the next step says
   */
  #enter(state: SyncState, waitMs?: number, restMs: number = waitMs ?? Infinity): Rest {
    const nextAttemptAtMs = waitMs === undefined ? undefined : this.#options.clock.nowMs() + waitMs;
    this.#update({ state, nextAttemptAtMs });
    return { ms: restMs };
  }

  #update(change: Partial<SyncStatus>): void {
    const before = this.#status.value;
    // Whoever watches is told of what has changed, and not of every look.
    if (Object.entries(change).some(([field, value]) => value !== before[field as keyof SyncStatus])) {
      this.#status.set({ ...before, ...change });
    }
  }
}

/** Whether less might have got through: not when the server has too much to do, or nothing was sent. */
function mayBeForSize({ details }: UnavailableError): boolean {
  return details['status'] !== 429 && details['status'] !== 503 && details['reason'] !== TOKEN_REASON;
}

/** Whether what failed may work in another tab: all but the network. A token that did not come, or that a gateway did not take, is no matter of that. */
function mayBeOwn(error: Error): boolean {
  if (!(error instanceof UnavailableError)) return true;
  const { status, reason } = error.details;
  return reason === TOKEN_REASON || status === 401 || status === 403;
}

function eventTooLarge(notification: Notification, cause: TooLargeError): TooLargeError {
  const { id, originatorId, originatorVersion } = notification;
  const bytes = bytesOf([notification]);
  return new TooLargeError(
    `Event ${id} is about ${bytes} bytes on the wire, and too large for the server or a proxy before it. It is kept, and waits with those after it. Raise the limit there: it is tried again once a minute, and by pushNow.`,
    { cause, details: { ...cause.details, notificationId: id, originatorId, originatorVersion, bytes } },
  );
}
