/**
 * Keeps a store and a server's log in agreement, for ever: sends what is recorded, follows what others record.
 *
 * Invariants:
 * 1. An event counts as confirmed only when a page of the log has it, and the store has recorded that in the commit of
 *    the page.
 * 2. Whatever fate a request had is settled by asking again: nothing is remembered of it but what saves a request.
 * 3. Nothing here deletes an event. What a server refuses, and what gives way to others, is set aside.
 * 4. Every state but `paused` is left by itself (exchange-state.ts), and none says that all is confirmed unless it is known.
 * 5. A refusal may be this tab's alone: its token, its worker, its version. So after one a turn ends, and another tab may
 *    have the next one.
 *
 * @module
 */
import type { UnitRecorder, SyncProgress } from '../../persistence/unit-recorder.js';
import type { Clock } from '../../util/clock.js';
import type { UnitPage } from '../../persistence/unit.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import { INITIAL_SYNC_STATUS, ownStatus } from '../sync-status.js';
import type { SyncStatus } from '../sync-status.js';
import { SubjectMismatchError, UnauthorizedError, UnavailableError, UpgradeRequiredError } from '../protocol/index.js';
import { AttemptTimes } from './attempt-times.js';
import { BeatenUnits } from './beaten-units.js';
import { nextState } from './exchange-state.js';
import type { ExchangeEvent } from './exchange-state.js';
import { ExchangeWork } from './exchange-work.js';
import type { Direction } from './exchange-work.js';
import type { UnitDecider } from './page-intake.js';
import type { SyncTransport } from './transport.js';

// Without a word of the server's: how often it is asked whether there is anything new. And how much of that is by chance,
// so that those who started together do not stay together.
const POLL_MS = 30_000;
// While it has a line to say so: a word may be lost, and a line dead without having been closed.
const POLL_MS_LIVE = 300_000;
// Where nobody waits for what others record: so that a server that was restored is noticed.
const POLL_MS_PUSH = 900_000;
const POLL_SPREAD = 0.4;

/** What an {@link Exchange} needs. */
export interface ExchangeOptions {
  readonly recorder: UnitRecorder;
  readonly transport: SyncTransport;
  readonly direction: Direction;
  /** As `ExchangeWorkOptions.bootstrap`. */
  readonly bootstrap?: boolean | undefined;
  readonly isOffline: () => boolean;
  /** Whether the store may be synchronised for who is signed in: rejects when not. @defaultValue it may */
  readonly admit?: (() => Promise<void>) | undefined;
  readonly decider?: UnitDecider | undefined;
  readonly onRebased?: ((units: readonly unknown[]) => void) | undefined;
  readonly clock: Clock;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** The loop that keeps a store in agreement with a server. Runs in one tab at a time. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #status = new ObservableValue<SyncStatus>(INITIAL_SYNC_STATUS);
  /** How it stands. */
  readonly status: Observable<SyncStatus> = this.#status;
  readonly #times: AttemptTimes;
  /** What has lost to others, in this turn and before it. */
  readonly #beaten: BeatenUnits;
  #work: ExchangeWork;
  /** Of the present turn, or the last one. */
  #loop: WorkLoop;
  #isPaused = false;
  /** Whether the server has answered since the last trouble. */
  #isConnected = false;
  /** Whether the server says when there is news. */
  #isLive = false;
  /** When the server is asked for news without a reason, by the monotonic clock. */
  #pollAtMs = -Infinity;
  /** How far the store is, while nothing has happened since that may have changed it. */
  #progress: SyncProgress | undefined;
  /** How often something has. */
  #changes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#times = new AttemptTimes(options.clock, options.random);
    this.#beaten = new BeatenUnits(options.clock, options.random);
    this.#work = this.#newWork();
    this.#loop = this.#newLoop();
  }

  /** Milliseconds until the next attempt is due; 0 when there is nothing to wait for. */
  get waitMs(): number {
    return this.#times.waitMs;
  }

  /** Pauses or goes on. While paused nothing is sent or fetched; a request on its way is finished. */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    this.attemptNow();
  }

  /** Takes a reason to hope: forgets the failures and tries at once, though not before `Retry-After`. */
  attemptNow(): void {
    this.#times.hope();
    this.#beaten.hope();
    this.noteNews();
  }

  /** Takes a new commit: ends idleness; where the server was out of reach, brings the next attempt forward, within bounds. */
  noteCommit(): void {
    this.#noteChange();
    this.#times.noteCommit();
    this.#work.noteCommit();
    this.#loop.wake();
  }

  /** Takes that the server may have something new. @param head - the end of its log, where that is known */
  noteNews(head?: number): void {
    // What the server says changes nothing here, and whoever hears of it asks at once; any other reason is one to look.
    if (head === undefined) this.#noteChange();
    this.#work.noteNews(head);
    this.#loop.wake();
  }

  /** Takes a page that the server has sent unasked. */
  notePage(page: UnitPage): void {
    this.#work.notePage(page);
    this.#loop.wake();
  }

  /** Takes whether the server says when there is news: then it is asked without a reason less often. */
  setLive(isLive: boolean): void {
    this.#isLive = isLive;
    // Something may have been missed before, or will be from now on.
    this.#work.noteLine();
    this.noteNews();
  }

  /** Takes one turn, until the signal says stop, or after a failure that may be of this tab alone. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    if (this.#loop.signal.aborted) this.#loop = this.#newLoop();
    // What this tab knew in the turn before may be long over.
    this.#work = this.#newWork();
    this.#noteChange();
    if (this.waitMs === 0) this.#show({ state: 'starting' });
    return this.#loop.start(signal);
  }

  #newWork(): ExchangeWork {
    return new ExchangeWork({ ...this.#options, beaten: this.#beaten });
  }

  #newLoop(): WorkLoop {
    return new WorkLoop({
      clock: this.#options.clock,
      work: (signal) => this.#step(signal),
      afterFailure: (error) => this.#afterFailure(error as Error),
    });
  }

  async #step(signal: AbortSignal): Promise<Rest> {
    const { clock, isOffline } = this.#options;
    const progress = this.#progress === undefined ? await this.#look() : this.#showProgress(this.#progress);
    if (this.#isPaused) return this.#enter('pause', Infinity);
    if (this.#status.value.state === 'paused') this.#enter('resume', 0);
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#pollAtMs) this.#work.noteNews();
    const task = this.#work.next(progress);
    if (task === undefined) return this.#enter('settle', this.#pollAtMs - nowMs);
    const awaitedMs = this.#work.awaitedMs(task, progress);
    if (awaitedMs > 0) return { ms: awaitedMs };
    // Tried once a minute all the same, and gone on with once it answers: browsers have been wrong about being offline.
    if (isOffline() && !this.#isConnected) this.#times.putOff();
    const { waitMs } = this;
    if (waitMs > 0) {
      if (isOffline()) this.#enter('loseNetwork', waitMs);
      return this.#rest(waitMs);
    }
    this.#enter('try', 0);
    // Before an answer came, nothing is known to be on its way.
    if (this.#isConnected) this.#enter(task, 0);
    await this.#options.admit?.();
    this.#times.began();
    // What is sent is in the store as it was.
    if (task !== 'push') this.#noteChange();
    if (await this.#work.do(task, progress, signal)) this.#noteChange();
    this.#succeed();
    return 'none';
  }

  #succeed(): void {
    const { clock, direction, random } = this.#options;
    this.#times.succeeded();
    this.#isConnected = true;
    const pollMs = direction === 'push' ? POLL_MS_PUSH : this.#isLive ? POLL_MS_LIVE : POLL_MS;
    this.#pollAtMs = clock.monotonicMs() + pollMs * (1 + POLL_SPREAD * (random() - 0.5));
    this.#show({ lastSuccessAtMs: clock.nowMs(), lastError: undefined });
  }

  /** Reads how far the store is, and shows it. */
  async #look(): Promise<SyncProgress> {
    const changes = this.#changes;
    try {
      const looking = this.#options.recorder.syncProgress();
      this.#work.readAhead();
      const progress = await looking;
      if (this.#changes === changes) this.#progress = progress;
      return this.#showProgress(progress);
    } catch (error) {
      this.#show(ownStatus(undefined));
      throw error;
    }
  }

  #showProgress(progress: SyncProgress): SyncProgress {
    const { acceptedUpTo, head } = this.#work;
    const { position } = progress;
    const offline = this.#options.isOffline();
    this.#show({ ...ownStatus(progress), position, head: Math.max(position, head), acceptedUpTo, offline });
    return progress;
  }

  #noteChange(): void {
    this.#progress = undefined;
    this.#changes++;
  }

  #afterFailure(error: Error): Rest {
    this.#noteChange();
    if (this.#loop.signal.aborted) return 'none';
    this.#isConnected = false;
    const isUnavailable = error instanceof UnavailableError;
    const asked = isUnavailable ? error.details['retryAfterMs'] : undefined;
    this.#times.failed(!isUnavailable, typeof asked === 'number' ? asked : undefined);
    this.#show({ lastError: error });
    const rest = this.#enter(this.#eventOf(error), this.waitMs);
    if (mayBeOwn(error)) void this.#loop.close();
    return rest;
  }

  #eventOf(error: Error): ExchangeEvent {
    if (error instanceof UnauthorizedError || error instanceof SubjectMismatchError) return 'refuseToken';
    if (error instanceof UpgradeRequiredError) return 'refuseVersion';
    if (!(error instanceof UnavailableError)) return 'refuse';
    return this.#options.isOffline() ? 'loseNetwork' : 'fail';
  }

  #enter(event: ExchangeEvent, restMs: number): Rest {
    this.#show({ state: nextState(this.#status.value.state, event) });
    return this.#rest(restMs);
  }

  /** @returns the rest: until there is a reason to look again. Whether that is one to try, the next step says */
  #rest(ms: number): Rest {
    const isAttempt = this.waitMs > 0 && ms < Infinity;
    this.#show({ nextAttemptAtMs: isAttempt ? this.#options.clock.nowMs() + ms : undefined });
    return { ms };
  }

  #show(change: Partial<SyncStatus>): void {
    const before = this.#status.value;
    // Whoever watches is told of what has changed, and not of every look.
    if (Object.entries(change).some(([field, value]) => value !== before[field as keyof SyncStatus])) {
      this.#status.set({ ...before, ...change });
    }
  }
}

/** Whether what failed may work in another tab: all but the network. A token that did not come, or that a gateway did not take, is no matter of that. */
function mayBeOwn(error: Error): boolean {
  if (!(error instanceof UnavailableError)) return true;
  const { status, reason } = error.details;
  return reason === 'token' || status === 401 || status === 403;
}
