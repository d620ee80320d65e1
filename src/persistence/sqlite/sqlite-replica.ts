import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { trackingTaken } from '../replica.js';
import type { CheckedCommit, Replica } from '../replica.js';
import type { ProcessTables } from '../serial-recorder.js';
import { inUnit } from '../serial-session.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
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

/** Keeps events in the tables of one SQLite database, through any {@link SqliteDatabase}. */
export class SqliteReplica implements Replica, ProcessTables {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #sequences: SqliteSequences;
  readonly #names: Required<SqliteTableOptions>;
  readonly #events: string;
  readonly #tracking: string;

  /** @param database - lent, not owned: the caller closes it */
  constructor(database: SqliteDatabase, options: SqliteTableOptions = {}) {
    const { eventsTable = EVENTS_TABLE, trackingTable = TRACKING_TABLE } = options;
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#sequences = new SqliteSequences(database, eventsTable);
    this.#names = { eventsTable, trackingTable };
    this.#events = quoted(eventsTable);
    this.#tracking = quoted(trackingTable);
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
    const rows = this.#statements.all(
      `SELECT notification_id, originator_id, originator_version, topic, state FROM ${this.#events}
       WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT ?`,
      [...parameters, options.limit],
    );
    return toNotifications(rows);
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
    inUnit(unitOf(this.#database), () => {
      for (const { events, firstNotificationId, tracking } of commits) {
        this.#insertFrom(firstNotificationId, events);
        if (tracking !== undefined) this.insertTracking(tracking);
      }
    });
  }

  #insertFrom(firstId: NotificationId, events: readonly StoredEvent[]): NotificationId[] {
    const insert = this.#statements.prepare(
      `INSERT INTO ${this.#events} (notification_id, originator_id, originator_version, topic, state)
       VALUES (?, ?, ?, ?, ?)`,
    );
    return events.map((event, index) => {
      const { originatorId, originatorVersion, topic, state } = event;
      const id = firstId + index;
      namingTaken(event, () => insert.run([id, uuidToBytes(originatorId), originatorVersion, topic, state]));
      return id;
    });
  }
}

function toNotifications(rows: readonly SqliteRow[]): Notification[] {
  let lastBytes: Uint8Array = new Uint8Array(0);
  let lastText = '';
  return rows.map(([id, originatorId, originatorVersion, topic, state]) => {
    // Events of one aggregate often follow each other, and to compare takes less than to make a text again.
    if (!isSame(originatorId as Uint8Array, lastBytes)) {
      lastBytes = originatorId as Uint8Array;
      lastText = bytesToUuid(lastBytes);
    }
    return {
      id: id as number,
      originatorId: lastText,
      originatorVersion: originatorVersion as number,
      topic: topic as string,
      state: state as Uint8Array,
    };
  });
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
