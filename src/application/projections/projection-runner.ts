/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Runs a projection: catches up with the log, goes on with what is recorded, and builds the view anew on demand.
 *
 * Several runners of one projection may run at once, in tabs or processes: the view's own position decides who takes a
 * notification, so they do no harm, and no good either.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { logBehind } from '../../persistence/log-behind.js';
import { NOTED_EVENTS, noteFollower } from '../../persistence/sql/log-followers.js';
import { hasUnitOrder, isSynchronised } from '../../persistence/sql/unit-order.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { validateCount, validateWord } from '../../persistence/validation.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import type { Observable } from '../../util/observable.js';
import type { EventLog } from '../log/event-log.js';
import { readEvents } from '../log/event-pages.js';
import { HandlerLimit } from '../log/handler-limit.js';
import { headIfLost, REBUILD_VIEW } from '../log/lost-position.js';
import type { LogCheckpoint } from '../log/lost-position.js';
import { LogFollower } from '../log/log-follower.js';
import type { FollowerStatus, WaitOptions } from '../log/log-follower.js';
import { waitUntilConfirmed } from '../log/wait-until-confirmed.js';
import { FAILURE_ENDS, ProjectionApplier } from './projection-applier.js';
import type { FailurePolicy } from './projection-applier.js';
import { DeadLetters } from './projection-dead-letters.js';
import { ViewMovedError } from './projection-store.js';
import type { ProjectionStore, ViewGeneration } from './projection-store.js';
import { limited } from './projection.js';
import type { Projection } from './projection.js';
import { SyncedRunner } from './synced-runner.js';
import { FOLLOWINGS } from './view-tail.js';
import type { Following } from './view-tail.js';

// Many events share the cost of a transaction, and it is still short: others may write between two of them.
const BATCH_EVENTS_DEFAULT = 100;
const ATTEMPTS_DEFAULT = 5;

/** Options of {@link ProjectionRunner}. */
export interface ProjectionRunnerOptions<View> {
  readonly projection: Projection<View>;
  /** Where the view lives. */
  readonly store: ProjectionStore<View>;
  /** What is projected: an application is one. */
  readonly log: EventLog;
  /**
   * What the view is of, in a store that is synchronised. `confirmed`: of what a server has confirmed, in its order, and of
   * nothing that goes. `undo` and `rebuild`: of that, and of what is pending here, as it was recorded; when pending events
   * have to make way, what they have changed is taken back (`undo`), or the view is made anew (`rebuild`). Of the same events
   * the view is the same in all three. Nobody reads one that has some of what was before, and some of what is now.
   *
   * For a view in the store of the log, or in memory. One elsewhere follows what is recorded here, and is not put right.
   *
   * @defaultValue `undo`; `rebuild` for tables with foreign keys
   */
  readonly follows?: Following | undefined;
  /** What becomes of an event that the handler rejects. @defaultValue 5 attempts, then a dead letter */
  readonly onFailure?: Partial<FailurePolicy>;
  /** Events in one transaction. @defaultValue 100 */
  readonly batchEventsMax?: number;
  /**
   * Milliseconds that the handler may take with one event, and reading it; `Infinity` for ever. A handler that takes
   * longer counts as one that rejects, with a `HandlerTimeoutError`. What it does afterwards goes nowhere: its
   * transaction is over. One that does not return cannot be given up, and a statement of its own has to end first: for
   * those there is `statementTimeoutMs` of the pool. @defaultValue 30,000
   */
  readonly handlerTimeoutMs?: number;
  /**
   * Milliseconds between two looks while nobody tells of news. Give it where others record, in other processes, and
   * nobody tells of it. @defaultValue 1,000; never, where the log tells of news
   */
  readonly pollIntervalMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive), to spread attempts. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** How a projection is doing: the view holds everything up to `position`. */
export interface ProjectionStatus extends FollowerStatus {
  /** Events that could not be handled, or wait behind one that could not, and that nobody has settled. */
  readonly deadLetters: number;
}

const INITIAL_STATUS: ProjectionStatus = {
  state: 'idle',
  position: 0,
  head: 0,
  lag: 0,
  deadLetters: 0,
  lastError: undefined,
};

/**
 * Keeps one view up to date.
 *
 * @example
 * ```ts
 * const store = new SqlProjectionStore(recorder, stockLevels);
 * await using levels = new ProjectionRunner({ projection: stockLevels, store, log: app.log });
 * await levels.start();
 * const { notificationIds } = await app.execute(stockItem, itemId, { type: 'Count', data: { quantity: 12 } });
 * await levels.waitFor(notificationIds.at(-1) ?? 0);
 * ```
 */
export class ProjectionRunner<View> implements AsyncDisposable {
  readonly #options: ProjectionRunnerOptions<View>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #batchEventsMax: number;
  readonly #policy: FailurePolicy;
  readonly #follower: LogFollower<ProjectionStatus>;
  readonly #deadLetters: DeadLetters<View>;
  /** Undefined where the store of the view is none that can be synchronised. */
  readonly #synced: SyncedRunner<View> | undefined;
  /** Whether the view in use is of this definition. */
  #isUpToDate = false;
  /** Whether the view in use was found to be of this log. */
  #isOfLog = false;
  /** Up to where the followed store knows that the view is, where it is elsewhere. */
  #noted: NotificationId | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a time or a number makes no sense, or `onFailure.then` is none of its words */
  constructor(options: ProjectionRunnerOptions<View>) {
    const { clock = systemClock, random = Math.random, onFailure = {} } = options;
    const { store, pollIntervalMs } = options;
    const what = `The projection ${options.projection.name}`;
    const limit = new HandlerLimit({
      ...{ what, clock, timeoutMs: options.handlerTimeoutMs },
      report: (error) => this.#follower.report({ state: 'waiting', lastError: error }),
    });
    const [projection, log] = [limited(options.projection, limit), limit.reading(options.log)];
    this.#options = { ...options, projection, log };
    this.#clock = clock;
    this.#random = random;
    const { batchEventsMax = BATCH_EVENTS_DEFAULT } = options;
    validateCount('batchEventsMax', batchEventsMax);
    this.#batchEventsMax = batchEventsMax;
    const { attemptsMax = ATTEMPTS_DEFAULT, then = 'deadLetter' } = onFailure;
    validateCount('onFailure.attemptsMax', attemptsMax);
    validateWord('onFailure.then', then, FAILURE_ENDS);
    this.#policy = { attemptsMax, then };
    const { follows } = options;
    validateWord('follows', follows, FOLLOWINGS);
    const views = store.synced?.(options.log.recorder);
    if (follows === 'confirmed' && views === undefined)
      throw new ProgrammingError(`${what} cannot follow what is confirmed: its store has no units.`);
    this.#synced =
      views &&
      new SyncedRunner({ projection, log, views, policy: this.#policy, follows, clock, random, limit: batchEventsMax });
    this.#follower = new LogFollower({
      what,
      log,
      clock,
      random,
      pollIntervalMs,
      initialStatus: INITIAL_STATUS,
      catchUp: (signal) => this.#catchUpLive(signal),
    });
    this.#deadLetters = new DeadLetters({ projection, store, log, clock, onSettled: () => this.#countDeadLetters() });
  }

  /** How it is doing, to read and to watch. */
  get status(): Observable<ProjectionStatus> {
    return this.#follower.status;
  }

  /** What could not be handled. */
  get deadLetters(): DeadLetters<View> {
    return this.#deadLetters;
  }

  /**
   * Starts it, and keeps it going until it is closed or the signal is aborted. Starting twice is fine. A view that was
   * made by an earlier definition is built anew first, as by {@link ProjectionRunner.rebuild}; one of a later definition
   * stops it with a `ProjectionReplacedError`, and so does a log that does not have (any more) what the view has seen, with a `LogBehindError`: it was cut
   * off, restored, or is another one.
   *
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the view is of a later definition already
   * @throws what the store throws when it cannot be set up
   */
  async start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#setUp();
    this.#follower.start(options.signal);
  }

  /**
   * Takes what is recorded now, and returns: for a program that runs once, or a test.
   *
   * @throws LogBehindError (`LOG_BEHIND`) when the log does not have what the view has seen: build it anew, or reset it
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the view is of a later definition
   * @throws what else stops the projection; `OperationalError` when the store fails
   */
  async catchUp(): Promise<void> {
    await this.#setUp();
    await this.#catchUpLive(this.#follower.signal);
  }

  /**
   * Waits until the view holds a notification: read your writes.
   *
   * @param notificationId - as `execute` and `insertEvents` return it
   * @throws WaitTimeoutError (`WAIT_TIMEOUT`) when it takes longer than `timeoutMs`, 30,000 by default
   * @throws FollowerStoppedError (`FOLLOWER_STOPPED`) when it does not go on; the cause says why
   */
  async waitFor(notificationId: NotificationId, options: WaitOptions = {}): Promise<void> {
    const { follows, log } = this.#options;
    const wait = (id: NotificationId): Promise<void> => this.#follower.waitFor(id, options);
    if (follows === 'confirmed') await waitUntilConfirmed(log.recorder, notificationId, wait);
    else await wait(notificationId);
  }

  /**
   * Builds the view anew beside the one in use, and swaps them when the new one has caught up. Goes on with a rebuild that
   * was broken off. Readers see the old view, whole, and then the new one. A view that has seen what the log does not have
   * (any more) is replaced by one of what it has.
   *
   * @param options - `isRollback`: replace the view of a later definition, too: a higher version, or one of the same
   *   version that has replaced this one. End the program that has it before: one of a higher version takes the view back
   *   with its next start. False by default
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the view, or the next one, is of a later definition
   * @throws what stops a projection; the view in use stays as it is
   */
  async rebuild(options: { readonly signal?: AbortSignal; readonly isRollback?: boolean } = {}): Promise<void> {
    const signal = AbortSignal.any([this.#follower.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    await this.#options.store.setUp();
    await this.#rebuild(signal, options.isRollback);
    await this.#countDeadLetters();
    this.#follower.tell();
  }

  /**
   * Empties the view and forgets how far it was, so that it begins at the first event. Readers see it grow.
   *
   * @param options - `isRollback` as of {@link ProjectionRunner.rebuild}
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the view, or the next one, is of a later definition
   */
  async reset(options: { readonly isRollback?: boolean } = {}): Promise<void> {
    await this.#options.store.setUp();
    await this.#options.store.reset(options);
    this.#isUpToDate = true;
    this.#follower.report({ position: 0, deadLetters: 0 });
    this.#follower.tell();
  }

  /** Stops it when what is in flight is done. Closing twice is fine. */
  async close(): Promise<void> {
    await this.#follower.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #setUp(): Promise<void> {
    const { store } = this.#options;
    await store.setUp();
    this.#isUpToDate = !(await store.isOutdated());
    if (this.#isUpToDate) await this.#countDeadLetters();
  }

  async #catchUpLive(signal: AbortSignal): Promise<void> {
    if (!this.#isUpToDate) {
      this.#follower.report({ state: 'running' });
      while (await this.#options.store.isOutdated()) await this.#rebuild(signal);
      this.#isUpToDate = true;
      await this.#countDeadLetters();
    }
    await this.#catchUp('live', signal);
  }

  async #rebuild(signal: AbortSignal, isRollback: boolean = false): Promise<void> {
    const { store } = this.#options;
    const isSynced = this.#synced !== undefined && (await this.#isSynced(this.#synced));
    await store.beginNext({ isAnew: !isSynced && (await this.#lost('next')) !== undefined, isRollback });
    let outcome;
    do {
      await this.#catchUp('next', signal);
      // Not within the transaction that swaps the views: on an engine with one connection, reading would wait for it.
      outcome = await store.promoteNext({ lostPosition: await this.#lostPosition() });
    } while (outcome === 'behind');
    // Somebody else may have put one in its place, and that may be of another definition.
    this.#isUpToDate = !(await store.isOutdated());
  }

  async #catchUp(generation: ViewGeneration, signal: AbortSignal): Promise<void> {
    if (this.#synced !== undefined && (await this.#isSynced(this.#synced))) {
      await this.#catchUpSynced(this.#synced, generation, signal);
      return;
    }
    const { log, projection, store } = this.#options;
    const applier = new ProjectionApplier(
      { projection, store, policy: this.#policy, clock: this.#clock, random: this.#random },
      generation,
    );
    for (;;) {
      signal.throwIfAborted();
      const head = await log.recorder.maxNotificationId();
      const checkpoint = await store.checkpoint(generation);
      // Somebody else has put it in the place of the view in use.
      if (checkpoint === undefined) return;
      // Also where there is nothing to do, because the newer one is faster.
      if (generation === 'live' && checkpoint.isOtherDefinition === true) await store.isOutdated();
      const { position } = checkpoint;
      // Beyond the head when others are faster, too.
      if (position > head || (generation === 'live' && !this.#isOfLog)) await this.#assertOfLog(checkpoint);
      if (generation === 'live') {
        this.#follower.report({ position, head, ...(position < head ? { state: 'running' } : {}) });
      }
      if (generation === 'live') await this.#holdHistory(position);
      if (position >= head) return;
      const { topics } = projection;
      const page = await readEvents(log, { after: position, head, limit: this.#batchEventsMax, topics });
      try {
        if (await applier.apply(page, signal)) await this.#countDeadLetters();
      } catch (error) {
        if (!(error instanceof ViewMovedError)) throw error;
      }
    }
  }

  /** Says in the store that is followed how far a view is that is elsewhere: what it has not taken in may not leave. */
  async #holdHistory(position: NotificationId): Promise<void> {
    const { log, projection } = this.#options;
    if (this.#synced !== undefined || !hasUnitOrder(log.recorder)) return;
    if (this.#noted !== undefined && position - this.#noted < NOTED_EVENTS) return;
    if (!(await isSynchronised(log.recorder))) return;
    await noteFollower(log.recorder, { kind: 'projection', follower: projection.name, counts: 'id', position });
    this.#noted = position;
  }

  async #isSynced(synced: SyncedRunner<View>): Promise<boolean> {
    // Before anything is confirmed, a view of what is confirmed is empty.
    return this.#options.follows === 'confirmed' || (await synced.isOn());
  }

  async #catchUpSynced(synced: SyncedRunner<View>, generation: ViewGeneration, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      const checkpoint = await store.checkpoint(generation);
      // Somebody else has put it in the place of the view in use.
      if (checkpoint === undefined) return;
      if (generation === 'live' && checkpoint.isOtherDefinition === true) await store.isOutdated();
      const { outcome, order, hasFailed } = await synced.step(generation, signal);
      if (hasFailed) await this.#countDeadLetters();
      if (generation === 'live') {
        const position = (await store.checkpoint('live'))?.position ?? 0;
        this.#follower.report({ position, head: order.last, ...(outcome === 'synced' ? {} : { state: 'running' }) });
      }
      if (outcome === 'synced') return;
      if (outcome === 'anew') await this.#rebuild(signal);
    }
  }

  /** A checkpoint that is not of this log, and where the log ends. */
  async #lost(
    generation: ViewGeneration,
  ): Promise<{ readonly position: NotificationId; readonly head: NotificationId } | undefined> {
    const checkpoint = await this.#options.store.checkpoint(generation);
    return checkpoint === undefined ? undefined : await this.#lostAt(checkpoint);
  }

  /** Where the live view stands for nothing. */
  async #lostPosition(): Promise<NotificationId | undefined> {
    // In a store that is synchronised less may be confirmed than was: the next view has all there is.
    if (this.#synced !== undefined && (await this.#isSynced(this.#synced)))
      return (await this.#options.store.checkpoint('live'))?.position;
    return (await this.#lost('live'))?.position;
  }

  async #lostAt(
    checkpoint: LogCheckpoint,
  ): Promise<{ readonly position: NotificationId; readonly head: NotificationId } | undefined> {
    const { log, projection } = this.#options;
    const head = await headIfLost(log, checkpoint, projection.topics);
    return head === undefined ? undefined : { position: checkpoint.position, head };
  }

  async #assertOfLog(checkpoint: LogCheckpoint): Promise<void> {
    const lost = await this.#lostAt(checkpoint);
    if (lost !== undefined) {
      const what = `The view of the projection ${this.#options.projection.name}`;
      throw logBehind({ what, ...lost, exit: REBUILD_VIEW });
    }
    this.#isOfLog = true;
  }

  async #countDeadLetters(): Promise<void> {
    this.#follower.report({ deadLetters: (await this.#deadLetters.list()).length });
  }
}
