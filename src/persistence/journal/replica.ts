/**
 * A synchronous store of events: what a durable recorder keeps its rows in, and reads from, when one thread owns them all.
 *
 * Memory and SQLite implement it; what is above it checks a commit before it makes it durable and applies it.
 *
 * @module
 */
import { assertDecidedOn } from '../past.js';
import type { DecidedOn, PastTables, PlacedPast } from '../past.js';
import { NotSupportedError } from '../errors.js';
import { eventTaken, trackingTaken, unitTaken } from '../position-taken.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import type { UnitId } from '../unit.js';
import type { SyncChange } from './sync-change.js';
import { unitMark } from './unit-mark.js';
import type { UnitMark } from './unit-mark.js';
import type { UnitTables } from './unit-tables.js';

/** Tables of events, notifications and tracking records, read and written without waiting. Arguments are already validated. */
export interface Replica {
  /** The largest version of an aggregate, or -1 when it has no events. */
  maxOriginatorVersion(originatorId: OriginatorId): number;
  /**
   * Those of several aggregates, in their order; for a replica of which one question takes little longer than another.
   * Absent where it would save nothing.
   */
  maxOriginatorVersions?(originatorIds: readonly OriginatorId[]): readonly number[];
  /** Told of which aggregates the versions will be asked for next, so that they can be looked up at once. */
  expect?(originatorIds: ReadonlySet<OriginatorId>): void;
  /** Whether a position is taken. */
  hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean;
  /** The largest id that was ever given, or 0. */
  maxNotificationId(): NotificationId;
  /** The largest id that was tracked for an application, or 0. */
  maxTrackingId(applicationName: string): NotificationId;
  /** As in `AggregateRecorder`. */
  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[];
  /** As in `ApplicationRecorder`. */
  selectNotifications(options: SelectNotificationsOptions): Notification[];
  /**
   * Applies commits that were checked, all or none.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a commit has changes of own tables or is a synchronisation, and this
   * replica has no tables for that
   */
  apply(commits: readonly CheckedCommit[]): void;
  /** Brings what was applied to where it is kept, for whoever reads there. Absent where it always is. */
  flush?(): void;
  /** Which units there are; not to be kept. Absent where it knows of none: then there is no synchronisation both ways. */
  readonly units?: UnitTables | undefined;
  /** Whether a unit is there, or was set aside. Absent where there are no {@link Replica.units}. */
  hasUnit?(id: UnitId): boolean;
  /** As in `PastTables`. Absent where it never has {@link Replica.units}. */
  pastAt?(originatorId: OriginatorId, upTo: number): PlacedPast | undefined;
}

/** One call of `insertEvents`, decided: what it records, and under which ids. */
export interface CheckedCommit {
  readonly events: readonly StoredEvent[];
  /** Id of the first event; the others follow without gaps. Of no meaning when there are no events. */
  readonly firstNotificationId: NotificationId;
  readonly tracking: Tracking | undefined;
  /** What changed in the caller's own tables, in the format of the engine that has them. */
  readonly changes?: Uint8Array | undefined;
  /** The unit that the events are. Without it, each of them is one, with a derived id: so it was recorded before. */
  readonly unit?: UnitMark | undefined;
  /** What synchronisation changes. */
  readonly sync?: SyncChange | undefined;
}

/** The notification ids of a commit's events, in their order. */
export function notificationIdsOf(commit: CheckedCommit): NotificationId[] {
  return commit.events.map((_event, index) => commit.firstNotificationId + index);
}

/**
 * Checks commits one after another against a replica and against those before them in the same group,
 * and gives ids to those that pass. Changes nothing: the group is applied later, or not at all.
 */
export class CommitCheck {
  readonly #replica: Replica;
  readonly #positions = new Set<string>();
  readonly #tracked = new Map<string, NotificationId>();
  readonly #unitIds = new Set<UnitId>();
  readonly #assertRoom: (commit: Pick<CheckedCommit, 'events' | 'unit'>) => void;
  #nextNotificationId: NotificationId;

  /** @param assertRoom - refuses a commit that is fine, when there is enough of them. @defaultValue refuses none */
  constructor(
    replica: Replica,
    assertRoom: (commit: Pick<CheckedCommit, 'events' | 'unit'>) => void = () => undefined,
  ) {
    this.#replica = replica;
    this.#assertRoom = assertRoom;
    this.#nextNotificationId = replica.maxNotificationId() + 1;
  }

  /**
   * @returns the commit with its ids, in the order of the calls
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken, or is not decided on what is there; the other commits of the group stand
   */
  check(
    events: readonly StoredEvent[],
    tracking: Tracking | undefined,
    unit: UnitMark = unitMark(),
    decidedOn?: readonly DecidedOn[],
  ): CheckedCommit {
    // First, as on every engine: of an event that is processed twice, the caller learns that it was.
    if (tracking !== undefined) this.#checkTracking(tracking);
    // Before the events: who records a unit again is to learn that it is there, and not that its events are.
    const { chosenId } = unit;
    if (chosenId !== undefined) this.#checkUnit(chosenId);
    const positions = this.#checkEvents(events);
    if (decidedOn !== undefined) assertDecidedOn(pastTablesOf(this.#replica), decidedOn);
    // Last: who repeats what is there is to learn that, however much there is.
    this.#assertRoom({ events, unit });
    for (const position of positions) this.#positions.add(position);
    if (tracking !== undefined) this.#tracked.set(tracking.applicationName, tracking.notificationId);
    if (chosenId !== undefined) this.#unitIds.add(chosenId);
    const commit = { events, firstNotificationId: this.#nextNotificationId, tracking };
    this.#nextNotificationId += events.length;
    return events.length === 0 ? commit : { ...commit, unit };
  }

  #checkUnit(id: UnitId): void {
    if (this.#unitIds.has(id) || this.#replica.hasUnit?.(id) === true) throw unitTaken(id);
  }

  #checkEvents(events: readonly StoredEvent[]): Set<string> {
    const positions = new Set<string>();
    const maxVersions = new Map<OriginatorId, number>();
    for (const event of events) {
      const { originatorId, originatorVersion } = event;
      let maxVersion = maxVersions.get(originatorId);
      if (maxVersion === undefined) {
        maxVersion = this.#replica.maxOriginatorVersion(originatorId);
        maxVersions.set(originatorId, maxVersion);
      }
      const position = `${originatorId}:${originatorVersion}`;
      const taken =
        positions.has(position) ||
        this.#positions.has(position) ||
        (originatorVersion <= maxVersion && this.#replica.hasEvent(originatorId, originatorVersion));
      if (taken) throw eventTaken(event);
      positions.add(position);
    }
    return positions;
  }

  #checkTracking(tracking: Tracking): void {
    const { applicationName, notificationId } = tracking;
    const last = this.#tracked.get(applicationName) ?? this.#replica.maxTrackingId(applicationName);
    if (notificationId <= last) throw trackingTaken(tracking, last);
  }
}

/** @throws NotSupportedError (`NOT_SUPPORTED`) when the replica has no units */
export function pastTablesOf(replica: Replica): PastTables {
  if (replica.pastAt === undefined) throw withoutUnits();
  return replica as Replica & PastTables;
}

/** The error of a replica that knows of no units. */
export function withoutUnits(): NotSupportedError {
  return new NotSupportedError('The replica of this store has no units, and cannot be synchronised both ways.');
}

/** The error of a replica without SQL that is to apply a commit with changes of own tables. */
export function withoutOwnTables(): NotSupportedError {
  return new NotSupportedError('The record changes tables of your own, and this replica has none.');
}
