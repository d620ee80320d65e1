/**
 * Takes notifications into a view: a page at a time while all goes well, one at a time where an event fails.
 *
 * ```text
 * page ─▶ one transaction: handle each, advance ──▶ done
 *             │ an event fails: all of it is taken back
 *             ▼
 *         the events before it in one transaction; then that one, as often as it is to be tried
 *             │ it fails for good
 *             ▼
 *         policy `deadLetter`: the letter and the advance in one transaction    policy `stop`: the error is thrown
 *         policy `retry`: an error that is waited out is thrown, and it begins again with this event
 * ```
 *
 * Invariants:
 * 1. The view and its position change in one transaction. So each notification counts once, whoever else runs.
 * 2. A notification is passed over only if a dead letter for it is stored in the same transaction.
 * 3. A store that fails is no fault of an event's, unless it fails again and again with that one alone, and is well as
 *    soon as the handler is out of it.
 * 4. An aggregate with a dead letter that is not settled is held back: its later events become letters that wait, so
 *    that they are handled in their order or not at all.
 *
 * @module
 */
import { OperationalError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import type { EventPage } from '../log/event-pages.js';
import { asFinal, isBroken, isTransient } from '../log/transient-errors.js';
import { storableText } from '../../persistence/storable-text.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { whyUnreadable } from '../events/unreadable-event.js';
import { ViewMovedError } from './projection-store.js';
import type { DeadLetter, ProjectionStore, ProjectionTransaction, ViewGeneration } from './projection-store.js';
import type { Projection } from './projection.js';

/** What may become of an event that was tried as often as it is to be. */
export const FAILURE_ENDS = ['deadLetter', 'stop', 'retry'] as const;

/** What becomes of an event that a handler rejects. */
export interface FailurePolicy {
  /** How often the handler is tried, the first time included. @defaultValue 5 */
  readonly attemptsMax: number;
  /**
   * What happens then: `deadLetter` puts the event aside where it is seen, `stop` stops the projection. `retry` passes over
   * nothing and never gives up: the projection waits, longer and longer, with the reason in its status, and tries again.
   *
   * @defaultValue `'deadLetter'`
   */
  readonly then: (typeof FAILURE_ENDS)[number];
}

/** What an applier needs. */
export interface ProjectionApplierOptions<View> {
  readonly projection: Projection<View>;
  readonly store: ProjectionStore<View>;
  readonly policy: FailurePolicy;
  readonly clock: Clock;
  readonly random: () => number;
}

// Between two attempts of a handler: long enough for a lock or a network to come back, in a wait that a person bears.
export const ATTEMPT_BACKOFF = { delayMsMin: 100, delayMsMax: 5_000 };
// A message is for people, a stack for finding the line; what is longer has gone round in circles.
const ERROR_LENGTH_MAX = 1_000;
const STACK_LENGTH_MAX = 4_000;
/** Letters that hold back the later events of their aggregate. */
export const UNSETTLED = ['failed', 'waiting'] as const;

/** What a handler rejected with, and for which event. */
export class HandlerFailure extends Error {
  readonly event: NotifiedEvent;
  /** Whether it was this event, and none of those that were taken together with it. */
  readonly isSure: boolean;

  constructor(event: NotifiedEvent, cause: unknown, isSure: boolean = true) {
    super(`The handler rejected notification ${event.notificationId}.`, { cause });
    this.event = event;
    this.isSure = isSure;
  }
}

/** Takes pages of events into one generation of a view. */
export class ProjectionApplier<View> {
  readonly #options: ProjectionApplierOptions<View>;
  readonly #generation: ViewGeneration;

  constructor(options: ProjectionApplierOptions<View>, generation: ViewGeneration) {
    this.#options = options;
    this.#generation = generation;
  }

  /**
   * @returns whether an event failed at first, so that there may be a dead letter
   * @throws ViewMovedError when the view is not where the page begins; nothing has changed then
   * @throws what the handler rejected with, when the policy is to stop; the events before it are taken
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the store fails; trying again may help
   */
  async apply({ events, from, to }: EventPage, signal: AbortSignal): Promise<boolean> {
    const failure = await this.#tryAll({ events, from, to });
    if (failure === undefined) return false;
    const at = events.indexOf(failure.event);
    const failedId = failure.event.notificationId;
    if (failedId - 1 > from) await this.apply({ events: events.slice(0, at), from, to: failedId - 1 }, signal);
    await this.#applyFailing(failure, failedId - 1, signal);
    if (to > failedId) await this.apply({ events: events.slice(at + 1), from: failedId, to }, signal);
    return true;
  }

  /** @returns the failure of a handler; everything is taken back then */
  async #tryAll(page: EventPage): Promise<HandlerFailure | undefined> {
    const { projection, store, clock } = this.#options;
    const begun = { handling: false };
    const handle: typeof projection.handle = (event, view) => {
      begun.handling = true;
      return projection.handle(event, view);
    };
    try {
      await store.transaction(this.#generation, (transaction) =>
        applyPage({ ...projection, handle }, transaction, page, clock),
      );
      return undefined;
    } catch (error) {
      const failure = error instanceof HandlerFailure ? error : undefined;
      if (failure !== undefined && !isTransient(failure.cause)) return failure;
      const cause = failure?.cause ?? error;
      // A failing database is no fault of the event's: it must not become a dead letter by it. One that is well, as soon
      // as the handler is out of it, has ended what took too long: a statement, or a transaction in which nothing happened.
      const [first] = page.events;
      if (first === undefined || !begun.handling || !isBroken(cause) || !(await this.#isStoreWell())) throw cause;
      // Whichever it was, a later one may have met with it: so the one is taken alone before it is blamed.
      return new HandlerFailure(failure?.event ?? first, cause, page.events.length === 1);
    }
  }

  async #isStoreWell(): Promise<boolean> {
    try {
      await this.#options.store.transaction(this.#generation, async (transaction) => {
        await transaction.deadLetters({ notificationId: 0 });
      });
      return true;
    } catch {
      return false;
    }
  }

  async #applyFailing(first: HandlerFailure, from: NotificationId, signal: AbortSignal): Promise<void> {
    const { policy, clock, random } = this.#options;
    const { event } = first;
    const page = { events: [event], from, to: event.notificationId };
    const firstFailedAtMs = clock.nowMs();
    let failure = first;
    // It is read once for all attempts: none of them would find it any different.
    const attemptsMax = whyUnreadable(event) === undefined ? policy.attemptsMax : 1;
    for (let attempts = first.isSure ? 1 : 0; attempts < attemptsMax; attempts++) {
      if (attempts > 0) await pause(clock, backoffDelayMs(attempts, random, ATTEMPT_BACKOFF), signal);
      signal.throwIfAborted();
      const again = await this.#tryAll(page);
      if (again === undefined) return;
      failure = again;
    }
    if (policy.then === 'stop') throw asFinal(failure.cause);
    if (policy.then === 'retry') throw waitedOut(event, failure.cause);
    const failed = { retryCount: attemptsMax, firstFailedAtMs, lastFailedAtMs: clock.nowMs() };
    await this.#options.store.transaction(this.#generation, async (transaction) => {
      assertAt(transaction, from);
      await transaction.putDeadLetter({ ...letterOf(event, 'failed', failure.cause), ...failed });
      await transaction.advance(page.to, event);
    });
  }
}

/** Takes a page into a view, in a transaction that is open. */
export async function applyPage<View>(
  projection: Projection<View>,
  transaction: ProjectionTransaction<View>,
  { events, from, to }: EventPage,
  clock: Clock,
): Promise<void> {
  assertAt(transaction, from);
  if (events.length > 0) {
    const held = new Set((await transaction.deadLetters({ statuses: UNSETTLED })).map((letter) => letter.originatorId));
    for (const event of events) {
      if (held.has(event.originatorId)) await hold(transaction, event, clock);
      else {
        const handling = handled(projection, event, transaction.view);
        // What is done at once is not awaited: that would cost more than to do it.
        if (handling !== undefined) await handling;
      }
    }
  }
  await transaction.advance(to, events.at(-1));
}

/**
 * Handles an event; a rejection says which event it was.
 *
 * @returns `undefined` when it is done
 * @throws HandlerFailure when the handler threw; a promise rejects with it when the handler did
 */
export function handled<View>(
  projection: Projection<View>,
  event: NotifiedEvent,
  view: View,
): Promise<void> | undefined {
  const failed = (cause: unknown): never => {
    throw new HandlerFailure(event, cause);
  };
  const unreadable = whyUnreadable(event);
  if (unreadable !== undefined) return failed(unreadable.error);
  try {
    return projection.handle(event, view)?.catch(failed);
  } catch (cause) {
    return failed(cause);
  }
}

/** The error of a projection that waits, because it never passes over an event. */
export function waitedOut({ notificationId, type }: NotifiedEvent, cause: unknown): OperationalError {
  return new OperationalError(
    `The handler rejects notification ${notificationId} (${type}). The projection waits, and tries it again.`,
    { cause, details: { notificationId } },
  );
}

/** The letter of an event that was not handled. */
export function letterOf(
  event: NotifiedEvent,
  status: DeadLetter['status'],
  error: unknown,
): Omit<DeadLetter, 'retryCount' | 'firstFailedAtMs' | 'lastFailedAtMs'> {
  return {
    notificationId: event.notificationId,
    eventId: event.metadata.eventId,
    eventType: event.type,
    originatorId: event.originatorId,
    status,
    ...(status === 'waiting' ? { error: '', stack: '' } : failureOf(error)),
    resolvedBy: '',
  };
}

/** What a letter says of why its event was not handled. */
export function failureOf(error: unknown): Pick<DeadLetter, 'error' | 'stack'> {
  return {
    error: storableText(describe(error), ERROR_LENGTH_MAX),
    stack: error instanceof Error ? storableText(error.stack ?? '', STACK_LENGTH_MAX) : '',
  };
}

function describe(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  try {
    // Not of everything is there JSON: of what goes round in circles there is none, and of a symbol `undefined`.
    const json: unknown = JSON.stringify(error);
    return typeof json === 'string' ? json : String(error);
  } catch {
    return String(error);
  }
}

/** Has an event wait behind one of its aggregate that failed. */
export async function hold(
  transaction: ProjectionTransaction<unknown>,
  event: NotifiedEvent,
  clock: Clock,
): Promise<void> {
  const nowMs = clock.nowMs();
  const waiting = { retryCount: 0, firstFailedAtMs: nowMs, lastFailedAtMs: nowMs };
  await transaction.putDeadLetter({ ...letterOf(event, 'waiting', undefined), ...waiting });
}

function assertAt(transaction: ProjectionTransaction<unknown>, position: NotificationId): void {
  if (transaction.position !== position) throw new ViewMovedError();
}
