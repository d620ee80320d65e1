import { logBehind } from '../../persistence/log-behind.js';
import { readPage } from '../../persistence/notification-pages.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import type { EventLog } from '../log/event-log.js';
import { HandlerLimit } from '../log/handler-limit.js';
import { headIfLost, REBUILD_VIEW } from '../log/lost-position.js';
import type { LogCheckpoint } from '../log/lost-position.js';
import type { InlineParticipant } from '../events/inline-participant.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { applyPage, HandlerFailure } from './projection-applier.js';
import { limited } from './projection.js';
import type { SqlProjection, SqlView } from './projection.js';
import { SqlProjectionStore } from './sql-projection-store.js';
import { takeInSynced } from './synced-projection.js';
import { isSynchronised } from '../../persistence/sql/unit-order.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { validateWord } from '../../persistence/validation.js';

// Events that were missed and are read at once: they are few, unless the projection was just added.
const PAGE_EVENTS_MAX = 500;

/** What {@link InlineProjection} needs. */
export interface InlineProjectionOptions<Table extends string> {
  readonly projection: SqlProjection<Table>;
  /** The application's own recorder: the view is in its database. */
  readonly recorder: SqlRecorder;
  /** Reads events of notifications: the application's. */
  readonly decode: EventLog['decode'];
  /**
   * How it goes on in a store that is synchronised, when pending events have to make way: `undo` takes back what they have
   * changed in the view, and nothing else; `rebuild` makes the view anew. Both in the transaction in which the events make
   * way, and both to the same view. Tables with foreign keys are made anew. @defaultValue `undo`, where it can be
   */
  readonly follows?: 'undo' | 'rebuild' | undefined;
  /**
   * Milliseconds that the handler may take with one event, and reading it; `Infinity` for ever. One that takes longer
   * refuses the commit with a `HandlerTimeoutError`: whoever else records waits meanwhile. What it does afterwards goes
   * nowhere. @defaultValue 30,000
   */
  readonly handlerTimeoutMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/**
 * A projection in line with the events: its view changes in the same transaction, so whoever reads what was committed
 * reads a view that holds it. What its handler rejects with refuses the commit, and so do a `HandlerTimeoutError`
 * (`HANDLER_TIMEOUT`), when it does not settle, and a `LogBehindError` (`LOG_BEHIND`): the view has seen what the log does not have (any more); and a `ProjectionReplacedError`
 * (`PROJECTION_REPLACED`): the view is of a newer release. Leaving it behind would break what is promised to its readers.
 *
 * Events that were recorded without it, by another program for example, are taken first, in the same transaction. Where
 * there may be many, catch up with a `ProjectionRunner` before.
 */
export class InlineProjection<Table extends string> implements InlineParticipant {
  /** A view is made of all events. */
  readonly needsHistory = true;
  readonly #options: InlineProjectionOptions<Table>;
  readonly #store: SqlProjectionStore<Table>;
  readonly #topics: ReadonlySet<string>;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time makes no sense */
  constructor(options: InlineProjectionOptions<Table>) {
    const { projection, decode, clock = systemClock, handlerTimeoutMs } = options;
    validateWord('follows', options.follows, ['undo', 'rebuild']);
    const what = `The projection ${projection.name}, in line,`;
    const limit = new HandlerLimit({ what, clock, timeoutMs: handlerTimeoutMs });
    this.#options = { ...options, projection: limited(projection, limit), decode: limit.decoding(decode) };
    this.#store = new SqlProjectionStore(options.recorder, options.projection);
    this.#topics = new Set(options.projection.topics);
  }

  /**
   * Creates the view if it is missing. To be called before the application records.
   *
   * @throws LogBehindError (`LOG_BEHIND`) when the log does not have (any more) what the view has seen
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the view is of a later definition
   */
  async setUp(): Promise<void> {
    await this.#store.setUp();
    // One of an earlier definition can still be built anew, before the first commit.
    await this.#store.isOutdated();
    const checkpoint = await this.#store.checkpoint('live');
    if (checkpoint !== undefined) await this.#assertOfLog(checkpoint, this.#options.recorder);
  }

  async onRecorded(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    events: readonly NotifiedEvent[],
  ): Promise<void> {
    const last = events.at(-1)?.notificationId;
    if (last === undefined) return;
    const { projection, clock = systemClock } = this.#options;
    const lent = transaction as RecorderTransaction<SqlQueryable>;
    const view = await this.#store.within(lent);
    if (view.isSynchronised) {
      await this.#takeInSynced(lent);
      return;
    }
    // Only what another participant of this transaction has taken already, or what another log had there.
    if (view.position >= last) await this.#assertOfLog(view, transaction);
    // Read again, instead of taking the events that are in hand: only so is it sure that none is missing before them.
    while (view.position < last) {
      const from = view.position;
      const { notifications, to } = await readPage(transaction, { after: from, head: last, limit: PAGE_EVENTS_MAX });
      const wanted = notifications.filter(({ topic }) => this.#topics.has(topic));
      const page = await Promise.all(wanted.map((notification) => this.#options.decode(notification)));
      await applyPage<SqlView<Table>>(projection, view, { events: page, from, to }, clock).catch((error: unknown) => {
        throw error instanceof HandlerFailure ? error.cause : error;
      });
    }
  }

  async onUnitsChanged(transaction: RecorderTransaction<SqlQueryable | undefined>): Promise<void> {
    const lent = transaction as RecorderTransaction<SqlQueryable>;
    // Before the first page nothing has to make way, and what it has confirmed is there already.
    if (await isSynchronised(lent.connection)) await this.#takeInSynced(lent);
  }

  async #takeInSynced(transaction: RecorderTransaction<SqlQueryable>): Promise<void> {
    const { projection, decode, follows, clock = systemClock } = this.#options;
    const synced = await this.#store.syncedWithin(transaction, follows);
    await takeInSynced(synced, { projection, decode, clock, following: follows ?? 'undo' }).catch((error: unknown) => {
      throw error instanceof HandlerFailure ? error.cause : error;
    });
  }

  async #assertOfLog(checkpoint: LogCheckpoint, recorder: EventLog['recorder']): Promise<void> {
    const { projection, decode } = this.#options;
    const head = await headIfLost({ recorder, decode }, checkpoint, projection.topics);
    if (head === undefined) return;
    const what = `The view of the projection ${projection.name}`;
    throw logBehind({ what, position: checkpoint.position, head, exit: `Nothing was stored. ${REBUILD_VIEW}` });
  }
}
