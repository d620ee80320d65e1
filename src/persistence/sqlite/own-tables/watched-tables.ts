import type { SelectEventsOptions, SelectNotificationsOptions } from '../../recorder.js';
import type { PlacedPast } from '../../past.js';
import type { CheckedCommit } from '../../journal/replica.js';
import { unitMark } from '../../journal/unit-mark.js';
import { randomUuid } from '../../../util/random-uuid.js';
import { uuidToBytes } from '../../../util/uuid-bytes.js';
import type { SqliteReplica } from '../sqlite-replica.js';
import type { SqliteUnits } from '../sqlite-units.js';
import { unitTaken } from '../../position-taken.js';
import type { UnitId, UnitOptions } from '../../unit.js';
import type { ProcessTables } from '../../serial/serial-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../../stored-event.js';
import { validateStateSizes } from '../../validation.js';
import { InternalError, ProgrammingError } from '../../errors.js';

// SQLite takes a limit that is a 32-bit integer in every driver.
const NO_LIMIT = 2 ** 31 - 1;

/** Runs a call of the transaction's, and may refuse it. */
export type CallGuard = <T>(call: () => T) => T;

/** What is watched: a replica. */
type UnitsOfTables = ProcessTables &
  Pick<SqliteReplica, 'hasUnit' | 'pastAt'> & { readonly units: Pick<SqliteUnits, 'insertOpen'> | undefined };

/**
 * Tables of events in a transaction of the caller's: knows what was recorded in them, by asking them at the end, so that
 * whatever a savepoint took back is not among it.
 */
export class WatchedTables implements ProcessTables {
  readonly #tables: UnitsOfTables;
  readonly #guard: CallGuard;
  #lastIdBefore: NotificationId = 0;
  readonly #trackedBefore = new Map<string, NotificationId>();
  #unit: UnitOptions | undefined;
  /** The id of what the transaction records, unless one is chosen: it is in the tables as soon as there are events. */
  #unitId: UnitId = '';
  #insertions = 0;

  /** @param guard - runs each call */
  constructor(tables: UnitsOfTables, guard: CallGuard) {
    this.#tables = tables;
    this.#guard = guard;
  }

  /** Begins to watch. */
  start(): void {
    this.#lastIdBefore = this.#tables.maxNotificationId();
    this.#trackedBefore.clear();
    this.#unit = undefined;
    this.#unitId = randomUuid();
    this.#insertions = 0;
  }

  /** Whether events or tracking records were inserted since the start. */
  get hasRecorded(): boolean {
    return this.#insertions > 0 || this.#trackedBefore.size > 0;
  }

  /** @returns what was recorded since the start, as commits that are applied together; none when nothing was */
  take(): CheckedCommit[] {
    const firstNotificationId = this.#lastIdBefore + 1;
    const events = this.#tables.selectNotifications({ start: firstNotificationId, limit: NO_LIMIT });
    // Ids that a savepoint took back are given again, so there are no gaps.
    if (events.some(({ id }, index) => id !== firstNotificationId + index)) throw new InternalError('Ids have gaps.');
    const [first, ...others] = this.#tracked();
    const commits = others.map((tracking): CheckedCommit => ({ events: [], firstNotificationId: 0, tracking }));
    if (events.length === 0 && first === undefined) return [];
    const stored = events.map(({ originatorId, originatorVersion, topic, state }) => ({
      originatorId,
      originatorVersion,
      topic,
      state,
    }));
    const unit = events.length === 0 ? undefined : { ...unitMark(this.#unitOptions()), id: uuidToBytes(this.#id) };
    return [
      { events: stored, firstNotificationId: events.length === 0 ? 0 : firstNotificationId, tracking: first, unit },
      ...commits,
    ];
  }

  // A savepoint that is taken back leaves it as it is: then it is the id of nothing, or of what the transaction does instead.
  insertUnit(unit: UnitOptions): void {
    if (this.#unit !== undefined && !isSaidAlike(this.#unit, unit)) throw saidOtherwise();
    const isOwn = this.#insertions > 0 && unit.id === this.#id;
    if (unit.id !== undefined && !isOwn && this.#tables.hasUnit(unit.id)) throw unitTaken(unit.id);
    this.#unit = unit;
  }

  insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    validateStateSizes(events);
    this.#insertions++;
    return this.#guard(() => {
      const ids = this.#tables.insertEvents(events);
      const [place, last] = [this.#lastIdBefore + 1, ids.at(-1)];
      // All of them are one unit, which is pending: whoever reads what is pending in the transaction sees it, too.
      if (last !== undefined) this.#tables.units?.insertOpen(this.#id, place, last - place + 1);
      return ids;
    });
  }

  insertTracking(tracking: Tracking): void {
    const { applicationName } = tracking;
    this.#guard(() => {
      if (!this.#trackedBefore.has(applicationName)) {
        this.#trackedBefore.set(applicationName, this.#tables.maxTrackingId(applicationName));
      }
      this.#tables.insertTracking(tracking);
    });
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    return this.#guard(() => this.#tables.selectEvents(originatorId, options));
  }

  pastAt(originatorId: OriginatorId, upTo: number): PlacedPast | undefined {
    const past = this.#guard(() => this.#tables.pastAt(originatorId, upTo));
    // What the unit of the transaction is, is not settled before its end.
    return past && past.id > this.#lastIdBefore ? { ...past, edition: undefined } : past;
  }

  selectNotifications(options: SelectNotificationsOptions): Notification[] {
    return this.#guard(() => this.#tables.selectNotifications(options));
  }

  maxNotificationId(): NotificationId {
    return this.#guard(() => this.#tables.maxNotificationId());
  }

  maxTrackingId(applicationName: string): NotificationId {
    return this.#guard(() => this.#tables.maxTrackingId(applicationName));
  }

  get #id(): UnitId {
    return this.#unit?.id ?? this.#unitId;
  }

  /** What one call has decided is not all that a unit of several does. */
  #unitOptions(): UnitOptions | undefined {
    if (this.#insertions <= 1 || this.#unit === undefined) return this.#unit;
    const { command: _command, ...options } = this.#unit;
    return options;
  }

  #tracked(): Tracking[] {
    return [...this.#trackedBefore]
      .map(([applicationName, before]) => ({
        tracking: { applicationName, notificationId: this.#tables.maxTrackingId(applicationName) },
        before,
      }))
      .filter(({ tracking, before }) => tracking.notificationId > before)
      .map(({ tracking }) => tracking);
  }
}

function isSaidAlike(a: UnitOptions, b: UnitOptions): boolean {
  const said = ({ id, isCommutative = false, scopes = [] }: UnitOptions): string =>
    JSON.stringify([id, isCommutative, scopes]);
  return said(a) === said(b);
}

function saidOtherwise(): ProgrammingError {
  return new ProgrammingError(
    'All events of one transaction are one unit, and another one was named in it before. Nothing of this call was stored.',
  );
}
