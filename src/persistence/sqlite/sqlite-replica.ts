/**
 * A replica in the tables of one SQLite database.
 *
 * @module
 */
import { withoutOwnTables, withoutUnits } from '../journal/replica.js';
import type { CheckedCommit, Replica } from '../journal/replica.js';
import { eventTaken } from '../position-taken.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { ProcessTables } from '../serial/serial-recorder.js';
import type { PlacedPast } from '../past.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { unitOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { SqliteTrackingTable } from './sqlite-tracking-table.js';
import type { SqliteUnits } from './sqlite-units.js';
import type { UnitId } from '../unit.js';

/** Names of the tables. */
export interface SqliteTableOptions {
  /** Of the events. @defaultValue `stored_events` */
  readonly eventsTable?: string;
  /** Of the tracking records. @defaultValue `tracking` */
  readonly trackingTable?: string;
}

const TRACKING_TABLE = 'tracking';

/** Makes changes of the caller's own tables what they were where they were recorded. */
export interface OwnChanges {
  /** Runs work that replays, in a transaction of its own, without what would decide again. */
  undecided(work: () => void): void;
  replay(changes: Uint8Array): void;
}

/** What a replica has beside events and tracking records. */
export interface SqliteReplicaParts {
  /** Replays what commits changed in the caller's own tables; without it, such a commit is refused. */
  readonly changes?: OwnChanges;
  /** Of the same database; without them, synchronisation is refused. */
  readonly units?: SqliteUnits;
}

/** The tables of a store: events, and tracking records beside them, through any {@link SqliteDatabase}. */
export class SqliteReplica extends SqliteEventsTable implements Replica, ProcessTables {
  readonly units: SqliteUnits | undefined;
  readonly #tracking: SqliteTrackingTable;
  readonly #changes: OwnChanges | undefined;

  /** @param database - lent, not owned: the caller closes it */
  constructor(database: SqliteDatabase, options: SqliteTableOptions = {}, { changes, units }: SqliteReplicaParts = {}) {
    super(database, options.eventsTable);
    this.#tracking = new SqliteTrackingTable(database, options.trackingTable ?? TRACKING_TABLE);
    this.#changes = changes;
    this.units = units;
  }

  /** Creates the tables that are missing. */
  createTables(): void {
    this.createTable();
    this.#tracking.createTable();
    this.units?.createTables();
  }

  hasUnit(id: UnitId): boolean {
    return this.units?.hasUnit(id) === true;
  }

  pastAt(originatorId: OriginatorId, upTo: number): PlacedPast | undefined {
    if (this.units === undefined) throw withoutUnits();
    return this.units.pastAt(originatorId, upTo);
  }

  maxTrackingId(applicationName: string): NotificationId {
    return this.#tracking.maxTrackingId(applicationName);
  }

  override insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    for (const event of events) if (this.#hasLeft(event)) throw eventTaken(event);
    return super.insertEvents(events);
  }

  override hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean {
    return this.#hasLeft({ originatorId, originatorVersion }) || super.hasEvent(originatorId, originatorVersion);
  }

  /** @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when some of what is asked for has left */
  override selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    const events = super.selectEvents(originatorId, options);
    this.units?.truncation.assertAllOf(originatorId, options, events);
    return events;
  }

  /** @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when some of what is asked for may have left */
  override selectNotifications(options: SelectNotificationsOptions): Notification[] {
    this.units?.truncation.assertAllAfter(options);
    return super.selectNotifications(options);
  }

  #hasLeft({ originatorId, originatorVersion }: Pick<StoredEvent, 'originatorId' | 'originatorVersion'>): boolean {
    const truncation = this.units?.truncation;
    if (truncation === undefined || truncation.lastId() === 0) return false;
    return originatorVersion <= (truncation.versionOf(originatorId) ?? Number.MIN_SAFE_INTEGER);
  }

  insertTracking(tracking: Tracking): void {
    this.#tracking.insertTracking(tracking);
  }

  apply(commits: readonly CheckedCommit[]): void {
    const work = (): void => unitOf(this.database).run(() => runs(commits).forEach((run) => this.#applyRun(run)));
    if (commits.some(({ changes }) => changes !== undefined)) this.#ownChanges().undecided(work);
    else work();
  }

  #applyRun(commits: readonly CheckedCommit[]): void {
    const [{ firstNotificationId, tracking, changes, sync }] = commits as [CheckedCommit];
    this.insertFrom(
      firstNotificationId,
      commits.flatMap(({ events }) => events),
    );
    this.units?.insert(commits);
    if (tracking !== undefined) this.insertTracking(tracking);
    if (changes !== undefined) this.#ownChanges().replay(changes);
    if (sync === undefined) return;
    if (this.units === undefined) throw withoutUnits();
    this.units.apply(sync);
  }

  #ownChanges(): OwnChanges {
    if (this.#changes === undefined) throw withoutOwnTables();
    return this.#changes;
  }
}

/** The same commits; those that are events alone and follow each other as one run: their rows go in together. */
function runs(commits: readonly CheckedCommit[]): CheckedCommit[][] {
  const result: CheckedCommit[][] = [];
  let next: NotificationId | undefined;
  for (const commit of commits) {
    const { events, firstNotificationId } = commit;
    const isAlone = areEventsAlone(commit);
    if (isAlone && firstNotificationId === next) result.at(-1)?.push(commit);
    else result.push([commit]);
    next = isAlone ? firstNotificationId + events.length : undefined;
  }
  return result;
}

function areEventsAlone({ tracking, changes, sync }: CheckedCommit): boolean {
  return tracking === undefined && changes === undefined && sync === undefined;
}
