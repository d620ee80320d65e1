import { LastUuid } from '../../util/last-uuid.js';
import { UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { IntegrityError } from '../errors.js';
import { trackingTaken } from '../position-taken.js';
import { withoutOwnTables } from '../journal/replica.js';
import type { CheckedCommit, Replica } from '../journal/replica.js';
import type { ProcessTables } from '../serial/serial-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { joinedSql, ROWS_APART, ROWS_JOINED_MAX, toJoinedRows } from './joined-rows.js';
import { statementsOf, unitOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteRow, SqliteValue } from './sqlite-driver.js';
import { createEventsSql, createTrackingSql, quoted } from './sqlite-schema.js';
import { namingTaken, SqliteSequences } from './sqlite-sequences.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** Names of the tables. */
export interface SqliteTableOptions {
  /** Of the events. @defaultValue `stored_events` */
  readonly eventsTable?: string;
  /** Of the tracking records. @defaultValue `tracking` */
  readonly trackingTable?: string;
}

const EVENTS_TABLE = 'stored_events';
const TRACKING_TABLE = 'tracking';
// Rows of one INSERT, where every call counts: about 0.7 of the time that as many take one by one, and more save nothing.
const ROWS_INSERTED = 32;

/** Makes changes of the caller's own tables what they were where they were recorded. */
export interface OwnChanges {
  /** Runs work that replays, in a transaction of its own, without what would decide again. */
  undecided(work: () => void): void;
  replay(changes: Uint8Array): void;
}

/** Keeps events in the tables of one SQLite database, through any {@link SqliteDatabase}. */
export class SqliteReplica implements Replica, ProcessTables {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #sequences: SqliteSequences;
  readonly #changes: OwnChanges | undefined;
  readonly #names: Required<SqliteTableOptions>;
  readonly #events: string;
  readonly #tracking: string;
  readonly #insertOneSql: string;
  readonly #insertManySql: string;

  /**
   * @param database - lent, not owned: the caller closes it
   * @param changes - replays what commits changed beside the events; without it, such a commit is refused
   */
  constructor(database: SqliteDatabase, options: SqliteTableOptions = {}, changes?: OwnChanges) {
    const { eventsTable = EVENTS_TABLE, trackingTable = TRACKING_TABLE } = options;
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#sequences = new SqliteSequences(database, eventsTable);
    this.#changes = changes;
    this.#names = { eventsTable, trackingTable };
    this.#events = quoted(eventsTable);
    this.#tracking = quoted(trackingTable);
    this.#insertOneSql = insertSql(this.#events, 1);
    this.#insertManySql = insertSql(this.#events, ROWS_INSERTED);
  }

  /** Creates the tables that are missing. */
  createTables(): void {
    this.createEventsTable();
    this.#database.exec(createTrackingSql(this.#names.trackingTable));
  }

  /** Creates the table of events if it is missing, and no other. */
  createEventsTable(): void {
    this.#database.exec(createEventsSql(this.#names.eventsTable));
  }

  maxOriginatorVersion(originatorId: OriginatorId): number {
    return this.#sequences.maxVersion(originatorId);
  }

  maxOriginatorVersions(originatorIds: readonly OriginatorId[]): number[] {
    if (this.#database.batchesRows !== true) return originatorIds.map((id) => this.maxOriginatorVersion(id));
    return this.#sequences.maxVersions(originatorIds);
  }

  hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean {
    return this.#sequences.has(originatorId, originatorVersion);
  }

  maxNotificationId(): NotificationId {
    // The table itself is asked as well: it must be there, and rows may have been copied in past the counter.
    const sql = `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0),
      coalesce((SELECT max(notification_id) FROM ${this.#events}), 0))`;
    return this.#statements.number(sql, [this.#names.eventsTable]) ?? 0;
  }

  maxTrackingId(applicationName: string): NotificationId {
    const sql = `SELECT notification_id FROM ${this.#tracking} WHERE application_name = ?`;
    return this.#statements.number(sql, [applicationName]) ?? 0;
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    return this.#sequences.selectEvents(originatorId, options);
  }

  selectNotifications(options: SelectNotificationsOptions): Notification[] {
    if (this.#database.batchesRows !== true) return this.#selectApart(options);
    const { limit } = options;
    const notifications = this.#selectApart({ ...options, limit: Math.min(limit, ROWS_APART) });
    let isFull = notifications.length === ROWS_APART;
    while (isFull && notifications.length < limit) {
      const asked = Math.min(limit - notifications.length, ROWS_JOINED_MAX);
      const start = (notifications[notifications.length - 1] as Notification).id + 1;
      const more = this.#selectJoined({ ...options, start, limit: asked });
      notifications.push(...more);
      isFull = more.length === asked;
    }
    return notifications;
  }

  insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    // The write lock is held, so nobody else gives ids.
    return this.#insertFrom(this.maxNotificationId() + 1, events);
  }

  insertTracking(tracking: Tracking): void {
    const { applicationName, notificationId } = tracking;
    const sql = `INSERT INTO ${this.#tracking} AS t (application_name, notification_id) VALUES (?, ?)
      ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id
      WHERE excluded.notification_id > t.notification_id RETURNING 1`;
    const rows = this.#statements.all(sql, [applicationName, notificationId]);
    if (rows.length === 0) throw trackingTaken(tracking, this.maxTrackingId(applicationName));
  }

  apply(commits: readonly CheckedCommit[]): void {
    const work = (): void =>
      unitOf(this.#database).run(() => merged(commits).forEach((commit) => this.#applyOne(commit)));
    if (commits.some(({ changes }) => changes !== undefined)) this.#ownChanges().undecided(work);
    else work();
  }

  #applyOne({ events, firstNotificationId, tracking, changes }: CheckedCommit): void {
    this.#insertFrom(firstNotificationId, events);
    if (tracking !== undefined) this.insertTracking(tracking);
    if (changes !== undefined) this.#ownChanges().replay(changes);
  }

  #ownChanges(): OwnChanges {
    if (this.#changes === undefined) throw withoutOwnTables();
    return this.#changes;
  }

  #selectApart(options: SelectNotificationsOptions): Notification[] {
    const { sql, parameters } = this.#rows(options);
    const uuids = new LastUuid();
    return this.#statements.all(sql, parameters).map(([id, originatorId, originatorVersion, topic, state]) => ({
      id: id as number,
      originatorId: uuids.toText(originatorId as Uint8Array, 0),
      originatorVersion: originatorVersion as number,
      topic: topic as string,
      state: state as Uint8Array,
    }));
  }

  #selectJoined(options: SelectNotificationsOptions): Notification[] {
    const { sql, parameters } = this.#rows(options);
    const joined = joinedSql(sql, ['notification_id', 'originator_version'], true);
    const rows = toJoinedRows(this.#statements.all(joined, parameters)[0] as SqliteRow);
    const [ids, versions] = rows.numbers as readonly [readonly number[], readonly number[]];
    const uuids = new LastUuid();
    return ids.map((id, index) => ({
      id,
      originatorId: uuids.toText(rows.originatorIds, index * UUID_BYTES),
      originatorVersion: versions[index] as number,
      topic: rows.topics[index] as string,
      state: rows.states[index] ?? this.#state(id),
    }));
  }

  /** A query of id, aggregate, version, topic and state. */
  #rows(options: SelectNotificationsOptions): { sql: string; parameters: SqliteValue[] } {
    const conditions = ['notification_id >= ?'];
    const parameters: SqliteValue[] = [options.start];
    if (options.stop !== undefined) {
      conditions.push('notification_id <= ?');
      parameters.push(options.stop);
    }
    if (options.topics?.length) {
      conditions.push('topic IN (SELECT value FROM json_each(?))');
      parameters.push(JSON.stringify(options.topics));
    }
    const sql = `SELECT notification_id, originator_id, originator_version, topic, state FROM ${this.#events}
       WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT ?`;
    return { sql, parameters: [...parameters, options.limit] };
  }

  #state(id: NotificationId): Uint8Array {
    const sql = `SELECT state FROM ${this.#events} WHERE notification_id = ?`;
    return this.#statements.all(sql, [id])[0]?.[0] as Uint8Array;
  }

  #insertFrom(firstId: NotificationId, events: readonly StoredEvent[]): NotificationId[] {
    let at = 0;
    if (this.#database.batchesRows === true) {
      for (; at + ROWS_INSERTED <= events.length; at += ROWS_INSERTED) {
        this.#insertRows(firstId + at, events.slice(at, at + ROWS_INSERTED));
      }
    }
    for (; at < events.length; at++) this.#insertRow(firstId + at, events[at] as StoredEvent);
    return events.map((_event, index) => firstId + index);
  }

  #insertRows(firstId: NotificationId, events: readonly StoredEvent[]): void {
    const values = events.flatMap((event, index) => rowOf(firstId + index, event));
    try {
      this.#statements.run(this.#insertManySql, values);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      // The statement inserted nothing. One by one, the row that is refused can be named.
      events.forEach((event, index) => this.#insertRow(firstId + index, event));
    }
  }

  #insertRow(id: NotificationId, event: StoredEvent): void {
    namingTaken(event, () => this.#statements.run(this.#insertOneSql, rowOf(id, event)));
  }
}

function rowOf(id: NotificationId, event: StoredEvent): SqliteValue[] {
  return [id, uuidToBytes(event.originatorId), event.originatorVersion, event.topic, event.state];
}

function insertSql(table: string, rows: number): string {
  return `INSERT INTO ${table} (notification_id, originator_id, originator_version, topic, state)
       VALUES ${Array.from({ length: rows }, () => '(?, ?, ?, ?, ?)').join(', ')}`;
}

/** The same commits, with those that are events alone and follow each other as one: their rows go in together. */
function merged(commits: readonly CheckedCommit[]): readonly CheckedCommit[] {
  const result: { events: StoredEvent[]; commit: CheckedCommit }[] = [];
  for (const commit of commits) {
    const last = result.at(-1);
    if (last !== undefined && areEventsAlone(last.commit) && areEventsAlone(commit) && isNext(last, commit)) {
      last.events.push(...commit.events);
    } else {
      result.push({ events: [...commit.events], commit });
    }
  }
  return result.map(({ events, commit }) => ({ ...commit, events }));
}

function areEventsAlone({ tracking, changes }: CheckedCommit): boolean {
  return tracking === undefined && changes === undefined;
}

function isNext(last: { events: readonly StoredEvent[]; commit: CheckedCommit }, next: CheckedCommit): boolean {
  return last.commit.firstNotificationId + last.events.length === next.firstNotificationId;
}
