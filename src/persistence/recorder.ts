/**
 * The three recorder interfaces. Each adds one promise to the one before:
 * a sequence for each aggregate, a total order of the application, exactly-once processing.
 *
 * Every method rejects with a class of `errors.ts`, or with the reason of the `signal` that it was given; a rejected call has
 * stored nothing.
 *
 * @module
 */
import type { CallOptions } from './heed-signal.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from './stored-event.js';
import type { DecidedOn, PastEvents } from './past.js';
import type { UnitOptions } from './unit.js';

/** Which of an aggregate's events to select. */
export interface SelectEventsOptions extends CallOptions {
  /** Only versions greater than this (exclusive). */
  readonly gt?: number;
  /** Only versions up to this (inclusive). */
  readonly lte?: number;
  /** Newest version first. @defaultValue `false` */
  readonly desc?: boolean;
  /** At most this many; 0 gives none. @defaultValue no limit */
  readonly limit?: number;
}

/** Which notifications to select. */
export interface SelectNotificationsOptions extends CallOptions {
  /** First id (inclusive). */
  readonly start: NotificationId;
  /** At most this many, counted after the topics were filtered; 0 gives none. */
  readonly limit: number;
  /** Last id (inclusive). @defaultValue no bound */
  readonly stop?: NotificationId;
  /** Only these topics; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[];
}

/** Options of {@link ProcessRecorder.insertEvents}. */
export interface InsertEventsOptions extends CallOptions {
  /** Recorded in the same transaction as the events. */
  readonly tracking?: Tracking;
  /**
   * What the events are as a unit, where `supports.units` says that there are units; elsewhere it is refused. All events of
   * one transaction are one unit: of those calls in it that say something, the first counts, and the others say the same.
   *
   * @defaultValue a strict one, in no named scope, with a random id
   */
  readonly unit?: UnitOptions;
  /**
   * What the events were decided on, of aggregates that had events, where `supports.editions` says that it may change; else
   * it is refused. An aggregate that has another last event by now, or the same on another past, refuses all of them.
   *
   * @defaultValue that the positions are free is all that is asked for
   */
  readonly decidedOn?: readonly DecidedOn[];
}

/** What a recorder offers beside what every one must. What it does not declare is taken not to be there. */
export interface RecorderSupport {
  /** Whether it is an {@link ApplicationRecorder}. @defaultValue false: nothing can follow it */
  readonly notifications?: boolean;
  /** Whether it is a {@link ProcessRecorder}. @defaultValue false: a tracking record is refused before anything is stored */
  readonly tracking?: boolean;
  /** Whether it is a `TransactionalRecorder`. @defaultValue false: in-line participants are refused */
  readonly transactions?: boolean;
  /**
   * Whether it is a `BatchRecorder`, where it has no transactions. @defaultValue false: in-line participants are refused
   */
  readonly batches?: boolean;
  /** Whether it is a `SqlRecorder`. @defaultValue false: nothing can be kept beside its events */
  readonly sql?: boolean;
  /** Whether it has `subscribe`. @defaultValue false: who follows it hears of news by other means, or looks again and again */
  readonly subscriptions?: boolean;
  /** Whether it is a `UnitRecorder`. @defaultValue false: it cannot be synchronised both ways, and takes no `unit` */
  readonly units?: boolean;
  /**
   * Whether it is an `EditionRecorder`: so are a `UnitRecorder` and its transactions. @defaultValue false: what was recorded
   * stays as it is, and it takes no `decidedOn`
   */
  readonly editions?: boolean;
}

/** Records events in a sequence for each aggregate, in which every position is taken once. */
export interface AggregateRecorder {
  /** @defaultValue nothing */
  readonly supports?: RecorderSupport | undefined;

  /**
   * Records all events, or none.
   *
   * @param events - any number of events of any number of aggregates; versions may have gaps
   * @returns the notification ids in the order of the events, where the recorder has an application sequence
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken, also twice within the call
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an event is malformed
   */
  insertEvents(events: readonly StoredEvent[], options?: CallOptions): Promise<readonly NotificationId[] | undefined>;

  /**
   * Reads events of one aggregate, ordered by version.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   */
  selectEvents(originatorId: OriginatorId, options?: SelectEventsOptions): Promise<readonly StoredEvent[]>;
}

/** A recorder whose events may come to stand on another past (`past.ts`). `supports.editions` says so. */
export interface EditionRecorder {
  /**
   * As `selectEvents`, with what the events stand in: for `decidedOn` of what is decided on them.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   */
  selectPast(originatorId: OriginatorId, options?: SelectEventsOptions): Promise<PastEvents>;
}

/**
 * Records events in a total order of the whole application as well, so that they can be read as notifications.
 *
 * Ids become visible in order: a reader that has seen id n never sees a smaller new id later.
 */
export interface ApplicationRecorder extends AggregateRecorder {
  insertEvents(events: readonly StoredEvent[], options?: CallOptions): Promise<readonly NotificationId[]>;

  /**
   * Reads a part of the application sequence, ordered by id. Page on by the last id + 1, never by counting.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   */
  selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]>;

  /** The largest id, or 0 when nothing was recorded. */
  maxNotificationId(options?: CallOptions): Promise<NotificationId>;
}

/** Records, in one transaction, what was processed together with the events that came of it: exactly once. */
export interface ProcessRecorder extends ApplicationRecorder {
  /**
   * Records all events and the tracking record, or nothing. Events may be empty.
   *
   * @throws IntegrityError (`INTEGRITY_ERROR`) with `constraint: 'tracking'` when the tracking record is not
   *   greater than the last of its application, with `constraint: 'unit'` when the unit's id is taken, with
   *   `constraint: 'past'` when an aggregate is not what was decided on (`decidedOn`), otherwise as in
   *   {@link AggregateRecorder.insertEvents}
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a `unit` is given to a recorder that has none
   */
  insertEvents(events: readonly StoredEvent[], options?: InsertEventsOptions): Promise<readonly NotificationId[]>;

  /** The largest notification id that was tracked for an application, or 0. */
  maxTrackingId(applicationName: string, options?: CallOptions): Promise<NotificationId>;

  /** Whether a notification was processed: true when it is not greater than {@link ProcessRecorder.maxTrackingId}. */
  hasTrackingId(applicationName: string, notificationId: NotificationId, options?: CallOptions): Promise<boolean>;
}
