/**
 * Keeps up with a log: does what there is to do, rests until there is news, waits while storage fails.
 *
 * States:
 *
 * ```text
 * idle ──start──▶ running ◀──news── live        running: behind the log      live: at its end
 *                    │ storage fails
 *                    ▼
 *                 waiting ──time──▶ running
 *   every state ──close, abort, or any other failure──▶ stopped
 * ```
 *
 * @module
 */
import { LogBehindError, logBehind } from '../../persistence/log-behind.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { checkedMs, validateFunctions, validateInteger } from '../../persistence/validation.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';
import { callListener } from '../../util/listeners.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import type { EventLog } from './event-log.js';
import { FollowerStoppedError, WaitTimeoutError } from './follower-errors.js';
import { isTransient } from './transient-errors.js';
import { throwIfAborted, validateSignal } from '../../persistence/heed-signal.js';

// Where nobody says that something was recorded.
const POLL_INTERVAL_MS_DEFAULT = 1_000;
const STORAGE_BACKOFF = { delayMsMin: 100, delayMsMax: 30_000 };
const WAIT_TIMEOUT_MS_DEFAULT = 30_000;

/** How a follower is doing. */
export interface FollowerStatus {
  readonly state: 'idle' | 'running' | 'live' | 'waiting' | 'stopped';
  /** Everything up to this notification is done. */
  readonly position: NotificationId;
  /** The largest notification that is known of. */
  readonly head: NotificationId;
  /** Notifications between them, those included that do not matter to the follower. */
  readonly lag: number;
  /** Why it waits or has stopped; `undefined` while all is well. */
  readonly lastError: unknown;
}

/** What a {@link LogFollower} needs. */
export interface LogFollowerOptions<Status extends FollowerStatus> {
  /** For messages: `the projection stock-levels`. */
  readonly what: string;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: () => number;
  /** Milliseconds between two looks while nobody tells of news. @defaultValue 1,000; never, where the log tells of news */
  readonly pollIntervalMs?: number | undefined;
  readonly initialStatus: Status;
  /** Does what there is to do now. Tried again when the storage failed or others were faster; any other rejection stops it. */
  catchUp(signal: AbortSignal): Promise<void>;
}

/** Runs one piece of work again and again, never twice at once. */
export class LogFollower<Status extends FollowerStatus> {
  readonly #options: LogFollowerOptions<Status>;
  readonly #loop: WorkLoop;
  readonly #status: ObservableValue<Status>;
  /** Failures of the storage in a row. */
  #failures = 0;
  #hearsNews = false;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time between two looks makes no sense */
  constructor(options: LogFollowerOptions<Status>) {
    if (options.pollIntervalMs !== undefined) checkedMs('pollIntervalMs', options.pollIntervalMs, { min: 1 });
    validateFunctions({ random: options.random });
    this.#options = options;
    this.#status = new ObservableValue(options.initialStatus);
    this.#loop = new WorkLoop({
      clock: options.clock,
      onStart: () => this.#listen(),
      work: (signal) => this.#catchUp(signal),
      afterFailure: (error) => this.#afterFailure(error),
    });
  }

  get status(): Observable<Status> {
    return this.#status;
  }

  /** Aborted when it is to stop. */
  get signal(): AbortSignal {
    return this.#loop.signal;
  }

  /** Starts it, until it is closed or the signal is aborted. Starting twice is fine. */
  start(signal?: AbortSignal): void {
    validateSignal(signal);
    void this.#loop.start(signal);
  }

  /** Says that there may be something to do. */
  tell(): void {
    this.#loop.wake();
  }

  /** Changes the status. What has stopped stays so. */
  report(change: Partial<Omit<Status, 'lag'>>): void {
    const before = this.#status.value;
    const state = before.state === 'stopped' ? before.state : (change.state ?? before.state);
    const next = { ...before, ...change, state };
    this.#status.set({ ...next, lag: Math.max(0, next.head - next.position) });
  }

  /**
   * Waits until everything up to a notification is done.
   *
   * @throws WaitTimeoutError (`WAIT_TIMEOUT`) when it takes longer than `timeoutMs`, 30,000 by default
   * @throws FollowerStoppedError (`FOLLOWER_STOPPED`) when it does not go on; the cause says why
   * @throws the reason of the signal
   */
  async waitFor(
    notificationId: NotificationId,
    { timeoutMs = WAIT_TIMEOUT_MS_DEFAULT, signal }: WaitOptions = {},
  ): Promise<void> {
    const { clock } = this.#options;
    checkedMs('timeoutMs', timeoutMs);
    validateInteger('notificationId', notificationId, 0);
    throwIfAborted(signal);
    // What was reached long ago is looked at again: the log may have lost it, and given its id to another event.
    if (this.#status.value.position >= notificationId) await this.#assertOfLog();
    const reached = new AbortController();
    this.tell();
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        reached.abort();
        outcome();
      };
      const callOff = clock.schedule(() => settle(() => reject(this.#tooLong(notificationId, timeoutMs))), timeoutMs);
      const onAbort = (): void => settle(() => reject(signal?.reason as Error));
      signal?.addEventListener('abort', onAbort, { signal: reached.signal });
      const stop = this.#status.subscribe(({ position, state, lastError }) => {
        if (position >= notificationId && !(lastError instanceof LogBehindError)) settle(resolve);
        else if (state === 'stopped') settle(() => reject(this.#stopped(lastError)));
        else if (signal?.aborted === true) onAbort();
      });
      const end = (): void => {
        callOff();
        stop();
      };
      // The listener is called at once, and may have settled before there was a way to stop it.
      if (reached.signal.aborted) end();
      else reached.signal.addEventListener('abort', end);
    });
  }

  /** Stops it when what is in flight is done. Closing twice is fine. */
  async close(): Promise<void> {
    await this.#loop.close();
    this.#stop(undefined);
  }

  #listen(): () => void {
    let stopNews: (() => void) | undefined;
    // One that fails tells of nothing: then it is looked for news from time to time.
    callListener(() => {
      stopNews = this.#options.log.onRecorded?.(() => this.tell());
    });
    this.#hearsNews = stopNews !== undefined;
    return () => {
      callListener(() => stopNews?.());
      this.#stop(undefined);
    };
  }

  async #catchUp(signal: AbortSignal): Promise<Rest> {
    const { pollIntervalMs } = this.#options;
    await this.#options.catchUp(signal);
    this.#failures = 0;
    this.#reportBase({ state: 'live', lastError: undefined });
    return { ms: pollIntervalMs ?? (this.#hearsNews ? Infinity : POLL_INTERVAL_MS_DEFAULT) };
  }

  #afterFailure(error: unknown): Rest {
    // What fails because it was told to stop has not failed.
    if (this.signal.aborted) return 'none';
    if (!isTransient(error)) {
      this.#stop(error);
      return 'none';
    }
    this.#reportBase({ state: 'waiting', lastError: error });
    // News is of no use now: it is not for want of something to do that it waits.
    return { ms: backoffDelayMs(++this.#failures, this.#options.random, STORAGE_BACKOFF), isExact: true };
  }

  #stop(error: unknown): void {
    void this.#loop.close();
    if (this.#status.value.state !== 'stopped') this.#reportBase({ state: 'stopped', lastError: error });
  }

  #reportBase(change: Pick<FollowerStatus, 'state' | 'lastError'>): void {
    this.report(change as Partial<Omit<Status, 'lag'>>);
  }

  async #assertOfLog(): Promise<void> {
    const { position } = this.#status.value;
    const head = await this.#options.log.recorder.maxNotificationId().catch((error: unknown) => {
      // What cannot be asked at present is as it was.
      if (isTransient(error)) return position;
      throw error;
    });
    if (head >= position) return;
    const error = logBehind({ what: this.#options.what, position, head, exit: 'It does not go on by itself.' });
    // At once: when it looks next, the log may have grown past it.
    this.#stop(error);
    throw this.#stopped(error);
  }

  #tooLong(notificationId: NotificationId, timeoutMs: number): WaitTimeoutError {
    const { position } = this.#status.value;
    return new WaitTimeoutError(
      `${this.#options.what} did not reach notification ${notificationId} within ${timeoutMs} ms; it is at ${position}.`,
      { details: { notificationId, position, timeoutMs } },
    );
  }

  #stopped(cause: unknown): FollowerStoppedError {
    return new FollowerStoppedError(
      `${this.#options.what} has stopped and does not go on.`,
      cause === undefined ? {} : { cause },
    );
  }
}

/** How long to wait. */
export interface WaitOptions {
  /** In milliseconds; `Infinity` for ever. @defaultValue 30,000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
