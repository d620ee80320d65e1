/**
 * Events of a synchronised store into the view of a projection, in one transaction.
 *
 * @module
 */
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import { readUnitOrder } from '../../persistence/sql/unit-order.js';
import type { UnitOrder } from '../../persistence/sql/unit-order.js';
import type { Clock } from '../../util/clock.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { handled, hold, letterOf, UNSETTLED } from './projection-applier.js';
import type { DeadLetter, ProjectionTransaction, SyncedTransaction } from './projection-store.js';
import type { Projection } from './projection.js';
import { catchUpSynced } from './synced-catch-up.js';
import type { SyncedOutcome } from './synced-catch-up.js';
import type { Following } from './view-tail.js';

/** An event that could not be handled, as often as it was tried. */
export interface FailedEvent extends Pick<DeadLetter, 'retryCount' | 'firstFailedAtMs' | 'lastFailedAtMs'> {
  readonly error: unknown;
}

/** What {@link takeInSynced} needs. */
export interface SyncedProjectionOptions<View> {
  readonly projection: Projection<View>;
  readonly decode: (notification: Notification) => Promise<NotifiedEvent>;
  readonly following: Following;
  readonly clock: Clock;
  /** As in `SyncedCatchUpOptions`. */
  readonly limit?: number;
  readonly mayBePartial?: boolean;
  /** Events that become dead letters. @defaultValue none: what a handler rejects with is thrown */
  readonly failed?: ReadonlyMap<NotificationId, FailedEvent>;
}

/**
 * Brings a view to where the store is.
 *
 * @throws HandlerFailure when the handler rejects an event; nothing is to be committed then
 */
export async function takeInSynced<View>(
  { transaction, tail, sql }: SyncedTransaction<View>,
  options: SyncedProjectionOptions<View>,
): Promise<{ readonly outcome: SyncedOutcome; readonly order: UnitOrder }> {
  const { projection, following, decode, limit, mayBePartial } = options;
  const order = await readUnitOrder(sql);
  const taker = new EventTaker(transaction, options);
  const outcome = await catchUpSynced(
    sql,
    {
      tail,
      position: transaction.position,
      handle: (event) => taker.take(event),
      advance: (to, last) => transaction.advance(to, last),
    },
    {
      ...{ following, decode, topics: projection.topics },
      ...(limit === undefined ? {} : { limit }),
      ...(mayBePartial === undefined ? {} : { mayBePartial }),
    },
    order,
  );
  return { outcome, order };
}

/** Takes events into a view, but for those that are held back. */
class EventTaker<View> {
  readonly #transaction: ProjectionTransaction<View>;
  readonly #options: SyncedProjectionOptions<View>;
  /** Aggregates with dead letters. Read when the first event comes: letters of events that are taken back go with them. */
  #held: Set<string> | undefined;
  /** Events that do not count. */
  #discarded: ReadonlySet<NotificationId> = new Set();

  constructor(transaction: ProjectionTransaction<View>, options: SyncedProjectionOptions<View>) {
    this.#transaction = transaction;
    this.#options = options;
  }

  take(event: NotifiedEvent): Promise<void> | undefined {
    const { failed, projection } = this.#options;
    if (this.#held === undefined) return this.#takeFirst(event);
    if (this.#discarded.has(event.notificationId)) return undefined;
    if (this.#held.has(event.originatorId)) return hold(this.#transaction, event, this.#options.clock);
    const failure = failed?.get(event.notificationId);
    return failure === undefined
      ? handled(projection, event, this.#transaction.view)
      : this.#putFailed(event, failure, this.#held);
  }

  async #takeFirst(event: NotifiedEvent): Promise<void> {
    const letters = await this.#transaction.deadLetters({ statuses: [...UNSETTLED, 'discarded'] });
    const [discarded, unsettled] = [
      letters.filter(({ status }) => status === 'discarded'),
      letters.filter(({ status }) => status !== 'discarded'),
    ];
    this.#discarded = new Set(discarded.map(({ notificationId }) => notificationId));
    this.#held = new Set(unsettled.map(({ originatorId }) => originatorId));
    await this.take(event);
  }

  async #putFailed(event: NotifiedEvent, { error, ...counts }: FailedEvent, held: Set<string>): Promise<void> {
    await this.#transaction.putDeadLetter({ ...letterOf(event, 'failed', error), ...counts });
    held.add(event.originatorId);
  }
}
