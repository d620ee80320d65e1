/**
 * Where a projection's view lives, together with how far it is: both change in the same transaction, so each
 * notification counts exactly once.
 *
 * A view has generations. The live one is what applications read. While the projection is built anew, the next one grows
 * beside it, and takes its place when it has caught up.
 *
 * @module
 */
import type { NotificationId } from '../../persistence/stored-event.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { LogCheckpoint } from '../log/lost-position.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { Following, ViewTail } from './view-tail.js';

/** The view was moved by somebody else meanwhile: another tab, another process. */
export class ViewMovedError extends Error {}

/** Which view is meant. */
export type ViewGeneration = 'live' | 'next';

/**
 * `failed`: the handler rejected it, as often as it was tried. `waiting`: it is of the same aggregate as a failed one, and
 * was held back. `resolved`: it was handled later. `discarded`: somebody decided that it does not count.
 */
export type DeadLetterStatus = 'failed' | 'waiting' | 'resolved' | 'discarded';

/** A notification that was not taken into the view, and why. */
export interface DeadLetter {
  readonly notificationId: NotificationId;
  readonly eventId: string;
  readonly eventType: string;
  readonly originatorId: string;
  readonly status: DeadLetterStatus;
  /** What the handler rejected it with; empty for one that only waits. */
  readonly error: string;
  readonly stack: string;
  /** How often the handler was tried. */
  readonly retryCount: number;
  readonly firstFailedAtMs: number;
  readonly lastFailedAtMs: number;
  /** Who resolved or discarded it; empty while nobody has. */
  readonly resolvedBy: string;
}

/** What a transaction of a projection store offers. Nothing of it counts unless the transaction commits. */
export interface ProjectionTransaction<View> extends LogCheckpoint {
  readonly view: View;
  /** The view holds everything up to here. Nobody else moves it while the transaction lasts. */
  readonly position: NotificationId;
  /**
   * Says that the view holds everything up to a notification now.
   *
   * @param last - the last event among what is new that mattered; without one, the one before stays the last
   */
  advance(to: NotificationId, last?: NotifiedEvent): Promise<void>;
  /** Dead letters in the order of their notifications. */
  deadLetters(filter?: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  /** Adds a dead letter, or replaces the one of the same notification. */
  putDeadLetter(letter: DeadLetter): Promise<void>;
  /**
   * Takes that the view was changed by an event that does not come in its order: in a store that is synchronised, what
   * pending units have changed cannot be taken back by itself any more, and the view is made anew.
   */
  spoilTail(): Promise<void>;
}

/** Which dead letters are meant. */
export interface DeadLetterFilter {
  readonly statuses?: readonly DeadLetterStatus[];
  readonly originatorId?: string;
  readonly notificationId?: NotificationId;
}

/** How far a view is. */
export interface ViewCheckpoint extends LogCheckpoint {
  /** Whether it is of another definition than the store's, an earlier or a later one. @defaultValue false */
  readonly isOtherDefinition?: boolean;
}

/** A view and its tail, in a transaction of the store. */
export interface SyncedTransaction<View> {
  readonly transaction: ProjectionTransaction<View>;
  readonly tail: ViewTail;
  /** Reads what the transaction sees. */
  readonly sql: SqlQueryable;
}

/** The views of a projection that are made in transactions of a store that can be synchronised. */
export interface SyncedViews<View> {
  /** The store. */
  readonly recorder: SqlRecorder;
  /** As `ProjectionStore.transaction`. @param following - undefined: as it goes */
  transaction<T>(
    generation: ViewGeneration,
    following: Following | undefined,
    work: (synced: SyncedTransaction<View>) => Promise<T>,
  ): Promise<T>;
}

/** How a view is begun. */
export interface BeginOptions {
  /** A next view that is there already is not gone on with. @defaultValue false */
  readonly isAnew?: boolean;
  /** This definition takes the place of a view of a later one, too. @defaultValue false */
  readonly isRollback?: boolean;
}

/**
 * Keeps the view of one projection, and how far it is.
 *
 * Several releases of a program may have definitions of their own, and run at once. The view is of the latest one: of
 * the highest version, and within a version of the one that was the last to come. A definition that was replaced stays so
 * (`ProjectionReplacedError`), unless it is told to come back.
 */
export interface ProjectionStore<View> {
  /** Creates what is missing: the live view, empty, and the place for checkpoints and dead letters. */
  setUp(): Promise<void>;
  /**
   * Whether the live view was made by another definition: other topics, other tables, another version. It can be read,
   * and has to be built anew before anything is added to it.
   *
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when it was made by a later definition
   */
  isOutdated(): Promise<boolean>;
  /** How far a view is; `undefined` when there is no next one. */
  checkpoint(generation: ViewGeneration): Promise<ViewCheckpoint | undefined>;
  /**
   * Changes a view. The work may run more than once, each time on what is committed then.
   *
   * @throws what the work rejected with; then nothing has changed
   * @throws ViewMovedError when there is no next view any more: somebody else has put it in the place of the live one
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the view is of a later definition
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the view is of another definition
   */
  transaction<T>(
    generation: ViewGeneration,
    work: (transaction: ProjectionTransaction<View>) => Promise<T>,
  ): Promise<T>;
  /**
   * Makes an empty next view. One of the same definition that is there already is gone on with, another one is dropped.
   *
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the live view or the next one is of a later definition,
   *   and this is no rollback
   */
  beginNext(options?: BeginOptions): Promise<void>;
  /**
   * Puts the next view in the place of the live one. Both stand still meanwhile.
   *
   * @param options - `lostPosition`: where the live view stands for nothing, because the log does not have it
   * @returns `behind` when the next view is not as far as the live one, and nothing was done: readers never see a view go
   *   back. `none` when there is no next view
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when the next view is of a later definition
   */
  promoteNext(options?: {
    readonly lostPosition?: NotificationId | undefined;
  }): Promise<'promoted' | 'behind' | 'none'>;
  /**
   * Empties the live view, and forgets how far it was and its dead letters. A next one is dropped.
   *
   * @throws ProjectionReplacedError (`PROJECTION_REPLACED`) when a view is of a later definition, and this is no rollback
   */
  reset(options?: Pick<BeginOptions, 'isRollback'>): Promise<void>;
  /**
   * The views, where a view is changed in transactions of a store that can be synchronised.
   *
   * @param recorder - of the log that is followed
   * @returns undefined where that is none, or the view is elsewhere
   */
  synced?(recorder: object): SyncedViews<View> | undefined;
}
