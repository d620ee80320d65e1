/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Runs a process: follows the log of one application, and has another one execute what follows from it.
 *
 * Invariants:
 * 1. What follows from a notification is recorded in one transaction with the tracking record of the notification. So it
 *    is recorded once, however often the process is stopped and started, and whoever else runs it.
 * 2. A notification that nothing follows from is tracked with the next one that something follows from, or at the end of
 *    the page; its policy may be asked again after a crash.
 * 3. No notification is passed over: a policy or a command that fails stops the process, unless `onFailure` says what
 *    follows instead.
 * 4. Only the domain's no is a failure. Storage that fails or was closed is not, nor are others who were faster, nor a
 *    policy that does not settle: these are waited for, and asked again. And what another runner of the process has carried out has not failed, even though a second time it would be refused.
 *
 * @module
 */
import { PersistenceError, ProgrammingError } from '../../persistence/errors.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import {
  hasUnitOrder,
  isSynchronised,
  numbersOf,
  readUnitOrder,
  selectFirstConfirmed,
  selectOnceConfirmedUnits,
} from '../../persistence/sql/unit-order.js';
import type { NotificationId, Tracking } from '../../persistence/stored-event.js';
import { validateApplicationName, validateWord } from '../../persistence/validation.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import type { Observable } from '../../util/observable.js';
import type { Message } from '../../domain/message-types.js';
import { logBehind } from '../../persistence/log-behind.js';
import type { LogBehindError } from '../../persistence/log-behind.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { AnyDecider } from '../aggregates/aggregate-kind.js';
import type { Repository } from '../aggregates/repository.js';
import type { ExecuteOptions } from '../commands/command-executor.js';
import { validateRetryPolicy } from '../commands/decide-again.js';
import type { RetryPolicy } from '../commands/decide-again.js';
import type { EventLog } from '../log/event-log.js';
import { readAll, readEvents } from '../log/event-pages.js';
import { claimTracking } from './followed-log.js';
import { HandlerLimit } from '../log/handler-limit.js';
import { isTransient } from '../log/transient-errors.js';
import { LogFollower } from '../log/log-follower.js';
import type { FollowerStatus, WaitOptions } from '../log/log-follower.js';
import { waitUntilConfirmed } from '../log/wait-until-confirmed.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { whyUnreadable } from '../events/unreadable-event.js';
import { isTrackingTaken, ProcessHold } from './process-hold.js';
import type { Process, ProcessCommand } from './process.js';

const PAGE_EVENTS_MAX = 100;
// A command of a process meets those of people: it is decided again on what they have done.
const RETRY_DEFAULT: RetryPolicy = { attemptsMax: 10 };
const INITIAL_STATUS: FollowerStatus = { state: 'idle', position: 0, head: 0, lag: 0, lastError: undefined };

/** The application that a process follows: its name is part of what the progress is recorded under. */
export interface ProcessSource extends EventLog {
  readonly name: string;
}

/** What a process needs of the application that its commands go to; an `Application` has it. */
export interface ProcessTarget {
  readonly repository: Repository;
  readonly recorder: Pick<ProcessRecorder, 'maxTrackingId' | 'hasTrackingId'>;
  /** Saves what the commands come to, and the tracking record, in one transaction. */
  executeAll(
    executions: readonly (readonly [to: AnyDecider, id: string, command: Message])[],
    options: ExecuteOptions,
  ): Promise<unknown>;
}

/** Options of {@link ProcessRunner}. */
export interface ProcessRunnerOptions {
  readonly process: Process;
  /** The application that is followed. */
  readonly from: ProcessSource;
  /** The application that the commands go to. It may be the same one. */
  readonly into: ProcessTarget;
  /**
   * What follows instead, when a policy or one of its commands fails: commands that put things right, or none to let it
   * be, after having taken note of it. When it rejects, the process stops. Not asked about errors of storage, nor about
   * conflicts, nor about a policy that took too long. It may be asked again about the same event when the process was stopped before its answer was recorded.
   *
   * @defaultValue the process stops
   */
  readonly onFailure?: (event: NotifiedEvent, error: unknown) => Promise<readonly ProcessCommand[]>;
  /**
   * What the progress is recorded under, in the tracking table of `into`. The name of the followed application alone is
   * that of the Python library's followers: with it, a process goes on where one of those stopped, and the other way round.
   *
   * @defaultValue the names of the followed application and of the process, as in `orders>reservation`
   */
  readonly trackingName?: string;
  /**
   * What it reacts to in a store that is synchronised. `confirmed`: to what a server has confirmed, in the order in which
   * that is so, and to each unit of events once, also after the server was set back and has got back what it had lost; not to
   * what may still give way to others, and so not while there is no network. `tentative`: to what is recorded here, at once;
   * what becomes of it, and what others have recorded before it, changes nothing of that. For what has no effect outside.
   *
   * @defaultValue `confirmed`, as soon as the store has heard of a server's log; what was reacted to before is not reacted to
   *   again
   */
  readonly follows?: 'confirmed' | 'tentative' | undefined;
  /** How often commands are decided again after a conflict. @defaultValue 10 attempts */
  readonly retry?: RetryPolicy;
  /**
   * Milliseconds that a policy may take with one event, and `onFailure`, and reading the event; `Infinity` for ever. What
   * takes longer is given up with a `HandlerTimeoutError`, which the status shows, and asked again after a wait; what it
   * would have said later does not count. @defaultValue 30,000
   */
  readonly handlerTimeoutMs?: number;
  /**
   * Milliseconds between two looks while nobody tells of news. Give it where others record, in other processes, and
   * nobody tells of it. @defaultValue 1,000; never, where the log tells of news
   */
  readonly pollIntervalMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** An event to react to. */
interface ToReact {
  readonly event: NotifiedEvent;
  /** Whether it was reacted to under another name. */
  readonly isOver: boolean;
  readonly tracking: Tracking;
}

/** Keeps one process going. */
export class ProcessRunner implements AsyncDisposable {
  readonly #options: ProcessRunnerOptions;
  readonly #follower: LogFollower<FollowerStatus>;
  readonly #trackingName: string;
  readonly #limit: HandlerLimit;
  /** What is followed, read within the limit. */
  readonly #log: EventLog;
  /** Everything up to here is done, tracked or not; `undefined` before the first look. */
  #position: NotificationId | undefined;
  /** The same of what is confirmed, by its numbers, where that is followed. */
  #number: number | undefined;
  #followsConfirmed: boolean | undefined;
  /** In the store that is followed, where history may leave that. */
  readonly #hold: ProcessHold;
  /** Whether what is tracked was found to be of the followed log. */
  #isOfSource = false;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the tracking name is none, or a time or a number makes no sense */
  constructor(options: ProcessRunnerOptions) {
    const { process, from, clock = systemClock, random = Math.random, pollIntervalMs } = options;
    this.#options = options;
    const what = `The process ${process.name}`;
    this.#limit = new HandlerLimit({
      ...{ what, clock, timeoutMs: options.handlerTimeoutMs },
      report: (error) => this.#follower.report({ state: 'waiting', lastError: error }),
    });
    this.#log = this.#limit.reading(from);
    this.#trackingName = trackingNameOf(options);
    validateApplicationName(this.#trackingName);
    this.#hold = new ProcessHold(this.#trackingName, options.into);
    validateWord('follows', options.follows, ['confirmed', 'tentative']);
    if (options.follows === 'confirmed' && !hasUnitOrder(from.recorder)) {
      throw new ProgrammingError(`${what} cannot follow what is confirmed: ${from.name} has a recorder without units.`);
    }
    if (options.retry !== undefined) validateRetryPolicy(options.retry);
    this.#follower = new LogFollower({
      what,
      log: from,
      clock,
      random,
      pollIntervalMs,
      initialStatus: INITIAL_STATUS,
      catchUp: (signal) => this.#catchUp(signal),
    });
  }

  /** How it is doing, to read and to watch. */
  get status(): Observable<FollowerStatus> {
    return this.#follower.status;
  }

  /** Starts it, and keeps it going until it is closed or the signal is aborted. Starting twice is fine. */
  start(options: { readonly signal?: AbortSignal } = {}): void {
    this.#follower.start(options.signal);
  }

  /**
   * Takes what is recorded now, and returns.
   *
   * @returns whether there was anything to do
   * @throws LogBehindError (`LOG_BEHIND`) when the log does not have (any more) what the process has reacted to
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when another log has its progress under the same tracking name
   * @throws what else stops the process; `OperationalError` when a store fails
   */
  async catchUp(): Promise<boolean> {
    const [position, number] = [this.#position, this.#number];
    await this.#catchUp(this.#follower.signal);
    return this.#position !== position || this.#number !== number;
  }

  /**
   * Waits until everything up to a notification of the followed application has been reacted to.
   *
   * @throws WaitTimeoutError (`WAIT_TIMEOUT`) when it takes longer than `timeoutMs`, 30,000 by default
   * @throws FollowerStoppedError (`FOLLOWER_STOPPED`) when it does not go on; the cause says why
   */
  async waitFor(notificationId: NotificationId, options: WaitOptions = {}): Promise<void> {
    const wait = (id: NotificationId): Promise<void> => this.#follower.waitFor(id, options);
    const { recorder } = this.#options.from;
    if (hasUnitOrder(recorder) && (await this.#isOfConfirmed(recorder))) {
      await waitUntilConfirmed(recorder, notificationId, wait);
    } else await wait(notificationId);
  }

  /** Stops it when what is in flight is done. Closing twice is fine. */
  async close(): Promise<void> {
    await this.#follower.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const { from } = this.#options;
    if (hasUnitOrder(from.recorder) && (await this.#isOfConfirmed(from.recorder))) {
      await this.#catchUpConfirmed(from.recorder, signal);
    } else await this.#catchUpById(signal);
  }

  async #isOfConfirmed(recorder: SqlRecorder): Promise<boolean> {
    const { follows } = this.#options;
    if (follows !== undefined) return follows === 'confirmed';
    // It stays so.
    if (this.#followsConfirmed !== true) this.#followsConfirmed = await isSynchronised(recorder);
    return this.#followsConfirmed;
  }

  async #catchUpConfirmed(recorder: SqlRecorder, signal: AbortSignal): Promise<void> {
    const { process, into } = this.#options;
    const { topics } = process;
    const trackingName = `${this.#trackingName}/confirmed`;
    for (;;) {
      signal.throwIfAborted();
      this.#number ??= await into.recorder.maxTrackingId(trackingName);
      const after = this.#number;
      const { confirmed, numbered, settled, last } = await readUnitOrder(recorder);
      if (numbered < after) throw this.#isBeyond(after, numbered);
      const isDone = after >= confirmed;
      this.#follower.report({ head: last, ...(isDone ? { position: settled } : { state: 'running' }) });
      await this.#hold.note(recorder, { counts: 'number', tracked: trackingName, position: after });
      if (isDone) return;
      await this.#claimConfirmed(trackingName, recorder);
      const units = await selectOnceConfirmedUnits(recorder, {
        after,
        upTo: confirmed,
        topics,
        limit: PAGE_EVENTS_MAX,
      });
      // Reacted to before there was a server.
      const reactedTo = await into.recorder.maxTrackingId(this.#trackingName);
      const notifications = units.flatMap(({ events }) => events);
      const events = await readAll(this.#log, notifications);
      const numbers = units.flatMap(numbersOf);
      const toReact = events.flatMap((event, index) => {
        const notificationId = numbers[index] as number;
        if (notificationId <= after) return [];
        const isOver = event.notificationId <= reactedTo;
        return [{ event, isOver, tracking: { applicationName: trackingName, notificationId } }];
      });
      await this.#reactToAll(toReact, (notificationId) => (this.#number = notificationId), signal);
      this.#number = Math.max(units.at(-1)?.number ?? confirmed, this.#number);
    }
  }

  async #claimConfirmed(trackingName: string, recorder: SqlRecorder): Promise<void> {
    const { from, into } = this.#options;
    // What was begun is of this log, whatever that has lost since; and into itself there is no other one.
    if (this.#isOfSource || this.#number !== 0 || (into.recorder as object) === from.recorder) return;
    this.#isOfSource = await claimTracking(trackingName, this.#options, () => selectFirstConfirmed(recorder));
  }

  async #catchUpById(signal: AbortSignal): Promise<void> {
    const { from, process, into } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      this.#position ??= await into.recorder.maxTrackingId(this.#trackingName);
      const head = await from.recorder.maxNotificationId();
      const position = this.#position;
      if (head < position) throw this.#isBeyond(position, head);
      this.#follower.report({ position, head, ...(position < head ? { state: 'running' } : {}) });
      const { recorder } = from;
      // Before that, nothing leaves.
      if (hasUnitOrder(recorder) && (await isSynchronised(recorder)))
        await this.#hold.note(recorder, { counts: 'id', tracked: this.#trackingName, position });
      if (position >= head) return;
      this.#isOfSource ||= await claimTracking(this.#trackingName, this.#options);
      const { topics } = process;
      const { events, to } = await readEvents(this.#log, { after: position, head, limit: PAGE_EVENTS_MAX, topics });
      const applicationName = this.#trackingName;
      const toReact = events.map((event) => ({
        ...{ event, isOver: false },
        tracking: { applicationName, notificationId: event.notificationId },
      }));
      await this.#reactToAll(toReact, (notificationId) => (this.#position = notificationId), signal);
      this.#position = Math.max(to, this.#position);
    }
  }

  #isBeyond(position: NotificationId, head: NotificationId): LogBehindError {
    const { from, process } = this.#options;
    return logBehind({
      what: `The process ${process.name}`,
      position,
      head,
      exit: `Restore the log of ${from.name} to where it was; or give the process another name, under which it begins at the first event, and reacts to all of them again.`,
    });
  }

  async #reactToAll(
    events: readonly ToReact[],
    note: (notificationId: NotificationId) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let untracked: ToReact | undefined;
    for (const one of events) {
      signal.throwIfAborted();
      untracked = !one.isOver && (await this.#reactTo(one)) ? undefined : one;
      note(one.tracking.notificationId);
    }
    if (untracked !== undefined) await this.#record(untracked, []);
  }

  /** @returns whether the event is tracked */
  async #reactTo(one: ToReact): Promise<boolean> {
    const { process, into } = this.#options;
    const { event } = one;
    const unreadable = whyUnreadable(event);
    // Not passed over, and nobody could say what follows from it.
    if (unreadable !== undefined) throw unreadable.error;
    try {
      const reacting = process.react(event, { repository: into.repository });
      const commands = await this.#limit.within(reacting, 'reacting to', event);
      if (commands.length === 0) return false;
      await this.#record(one, commands);
    } catch (error) {
      await this.#settle(one, error);
    }
    return true;
  }

  async #settle(one: ToReact, error: unknown): Promise<void> {
    const { into, onFailure } = this.#options;
    const { event, tracking } = one;
    if (error instanceof PersistenceError || isTransient(error)) throw error;
    if (await into.recorder.hasTrackingId(tracking.applicationName, tracking.notificationId)) return;
    if (onFailure === undefined) throw error;
    const answering = onFailure(event, error);
    await this.#record(one, await this.#limit.within(answering, 'answering the failure of', event));
  }

  async #record({ event, tracking }: ToReact, commands: readonly ProcessCommand[]): Promise<void> {
    const { into, retry = RETRY_DEFAULT } = this.#options;
    const { eventId, correlationId = eventId, tenantId } = event.metadata;
    try {
      await into.executeAll(
        commands.map(({ to, id, command }) => [to, id, command] as const),
        { tracking, metadata: { correlationId, causationId: eventId, tenantId }, retry },
      );
    } catch (error) {
      // Done before, by this process before it was stopped, or by another one that runs it too.
      if (!isTrackingTaken(error)) throw error;
    }
  }
}

/** What the progress of a process is recorded under. */
export function trackingNameOf({
  from,
  process,
  trackingName = `${from.name}>${process.name}`,
}: Pick<ProcessRunnerOptions, 'from' | 'process' | 'trackingName'>): string {
  return trackingName;
}
