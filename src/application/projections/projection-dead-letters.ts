/**
 * What a projection could not take, for those who look after it: to see, to try again, to settle.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { Clock } from '../../util/clock.js';
import { unreadableEvent, whyUnreadable } from '../events/unreadable-event.js';
import type { EventLog } from '../log/event-log.js';
import { isTransient } from '../log/transient-errors.js';
import { failureOf, UNSETTLED } from './projection-applier.js';
import type { DeadLetter, DeadLetterFilter, ProjectionStore, ProjectionTransaction } from './projection-store.js';
import type { Projection } from './projection.js';

/** What {@link DeadLetters} needs. */
export interface DeadLettersOptions<View> {
  readonly projection: Projection<View>;
  readonly store: ProjectionStore<View>;
  readonly log: EventLog;
  readonly clock: Clock;
  /** Called when letters were settled, or tried again. */
  readonly onSettled: () => Promise<void>;
}

/** The dead letters of a live view. */
export class DeadLetters<View> {
  readonly #options: DeadLettersOptions<View>;

  constructor(options: DeadLettersOptions<View>) {
    this.#options = options;
  }

  /** In the order of their notifications. @defaultValue those that are not settled */
  list(filter: DeadLetterFilter = { statuses: UNSETTLED }): Promise<readonly DeadLetter[]> {
    return this.#options.store.transaction('live', (transaction) => transaction.deadLetters(filter));
  }

  /**
   * Handles an event again that failed, and then those of its aggregate that wait behind it, in their order.
   *
   * @param by - who asks, for the record
   * @returns whether it was handled; when not, the letter says why
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such letter, or it does not stand first
   */
  async retry(notificationId: NotificationId, by: string): Promise<boolean> {
    const letter = await this.#transaction(notificationId, async () => undefined);
    const failure = await this.#handleAgain(letter, by);
    if (failure === undefined) await this.#release(letter.originatorId, by);
    else await this.#markFailed(letter, failure);
    return failure === undefined;
  }

  /**
   * Settles a letter without handling its event: somebody has put the view right by hand. Those that wait behind it are handled.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such letter, or it does not stand first
   */
  async resolve(notificationId: NotificationId, by: string): Promise<void> {
    await this.#settle(notificationId, 'resolved', by);
  }

  /**
   * Settles a letter: its event does not count. Those that wait behind it are handled.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such letter, or it does not stand first
   */
  async discard(notificationId: NotificationId, by: string): Promise<void> {
    await this.#settle(notificationId, 'discarded', by);
  }

  async #settle(notificationId: NotificationId, status: 'resolved' | 'discarded', by: string): Promise<void> {
    const letter = await this.#transaction(notificationId, async (transaction, current) => {
      await transaction.putDeadLetter({ ...current, status, resolvedBy: by });
    });
    await this.#release(letter.originatorId, by);
  }

  /** Handles those that wait, until one fails: that one stands first then. */
  async #release(originatorId: string, by: string): Promise<void> {
    for (;;) {
      const [first] = await this.list({ statuses: UNSETTLED, originatorId });
      if (first?.status !== 'waiting') break;
      const failure = await this.#handleAgain(first, by);
      if (failure !== undefined) await this.#markFailed(first, failure);
    }
    await this.#options.onSettled();
  }

  async #markFailed(letter: DeadLetter, failure: unknown): Promise<void> {
    const { error, stack } = failureOf(failure);
    await this.#transaction(letter.notificationId, async (transaction, current) => {
      const lastFailedAtMs = this.#options.clock.nowMs();
      const retryCount = current.retryCount + 1;
      await transaction.putDeadLetter({ ...current, status: 'failed', error, stack, lastFailedAtMs, retryCount });
    });
  }

  /** @returns what the handler rejected with; nothing has changed then */
  async #handleAgain(letter: DeadLetter, by: string): Promise<unknown> {
    const { projection } = this.#options;
    const event = await this.#event(letter);
    const unreadable = whyUnreadable(event);
    if (unreadable !== undefined) return unreadable.error;
    const outcome: { failure?: unknown } = {};
    try {
      await this.#transaction(letter.notificationId, async (transaction, current) => {
        try {
          await projection.handle(event, transaction.view);
        } catch (error) {
          outcome.failure = error ?? new Error('The handler rejected, and did not say why.');
          throw error;
        }
        await transaction.spoilTail();
        await transaction.putDeadLetter({
          ...current,
          status: 'resolved',
          resolvedBy: by,
          retryCount: current.retryCount + 1,
        });
      });
    } catch (error) {
      if (!('failure' in outcome) || isTransient(outcome.failure)) throw error;
    }
    return outcome.failure;
  }

  async #event(letter: DeadLetter): Promise<Awaited<ReturnType<EventLog['decode']>>> {
    const { log, projection } = this.#options;
    const [notification] = await log.recorder.selectNotifications({ start: letter.notificationId, limit: 1 });
    if (notification?.id !== letter.notificationId) {
      throw new ProgrammingError(`Notification ${letter.notificationId} of ${projection.name} is not in this log.`);
    }
    return await log.decode(notification).catch((error: unknown) => {
      if (isTransient(error)) throw error;
      return unreadableEvent(notification, error);
    });
  }

  async #transaction(
    notificationId: NotificationId,
    work: (transaction: ProjectionTransaction<View>, letter: DeadLetter) => Promise<void>,
  ): Promise<DeadLetter> {
    return await this.#options.store.transaction('live', async (transaction) => {
      const [letter] = await transaction.deadLetters({ notificationId, statuses: UNSETTLED });
      if (letter === undefined) throw noLetter(notificationId);
      const [first] = await transaction.deadLetters({ originatorId: letter.originatorId, statuses: UNSETTLED });
      if (first?.notificationId !== notificationId) throw notFirst(letter, first?.notificationId);
      await work(transaction, letter);
      return letter;
    });
  }
}

function noLetter(notificationId: NotificationId): ProgrammingError {
  return new ProgrammingError(`There is no unsettled dead letter of notification ${notificationId}.`, {
    details: { notificationId },
  });
}

function notFirst({ notificationId, originatorId }: DeadLetter, first: NotificationId | undefined): ProgrammingError {
  return new ProgrammingError(
    `Notification ${notificationId} waits behind ${String(first)} of the same aggregate. Settle that one first.`,
    { details: { notificationId, originatorId, first } },
  );
}
