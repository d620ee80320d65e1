import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { CheckedCommit, Replica } from '../replica.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { CREATE_TABLES_SQL } from './sqlite-schema.js';

const INSERT_EVENT_SQL =
  'INSERT INTO stored_events (notification_id, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)';
const PUT_TRACKING_SQL = 'INSERT OR REPLACE INTO tracking (application_name, notification_id) VALUES (?, ?)';
// SQLite needs a LIMIT to be a number; a negative one means none.
const NO_LIMIT = -1;

/** Keeps events in the tables of one SQLite database, through any {@link SqliteDatabase}. */
export class SqliteReplica implements Replica {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();

  /** @param database - lent, not owned: the caller closes it */
  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Creates the tables that are missing. */
  createTables(): void {
    this.#database.exec(CREATE_TABLES_SQL);
  }

  maxOriginatorVersion(originatorId: OriginatorId): number {
    return (
      this.#number('SELECT max(originator_version) FROM stored_events WHERE originator_id = ?', [
        uuidToBytes(originatorId),
      ]) ?? -1
    );
  }

  hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean {
    const sql = 'SELECT 1 FROM stored_events WHERE originator_id = ? AND originator_version = ?';
    return this.#number(sql, [uuidToBytes(originatorId), originatorVersion]) !== undefined;
  }

  maxNotificationId(): NotificationId {
    return this.#number("SELECT seq FROM sqlite_sequence WHERE name = 'stored_events'", []) ?? 0;
  }

  maxTrackingId(applicationName: string): NotificationId {
    return this.#number('SELECT notification_id FROM tracking WHERE application_name = ?', [applicationName]) ?? 0;
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    const conditions = ['originator_id = ?'];
    const parameters: SqliteValue[] = [uuidToBytes(originatorId)];
    if (options.gt !== undefined) {
      conditions.push('originator_version > ?');
      parameters.push(options.gt);
    }
    if (options.lte !== undefined) {
      conditions.push('originator_version <= ?');
      parameters.push(options.lte);
    }
    const order = options.desc === true ? 'DESC' : 'ASC';
    const rows = this.#prepare(
      `SELECT originator_version, topic, state FROM stored_events WHERE ${conditions.join(' AND ')}
       ORDER BY originator_version ${order} LIMIT ?`,
    ).all([...parameters, options.limit ?? NO_LIMIT]);
    return rows.map(([originatorVersion, topic, state]) => ({
      originatorId,
      originatorVersion: originatorVersion as number,
      topic: topic as string,
      state: state as Uint8Array,
    }));
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
    const rows = this.#prepare(
      `SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events
       WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT ?`,
    ).all([...parameters, options.limit]);
    return rows.map(toNotification);
  }

  apply(commits: readonly CheckedCommit[]): void {
    const insertEvent = this.#prepare(INSERT_EVENT_SQL);
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const { events, firstNotificationId, tracking } of commits) {
        let id = firstNotificationId;
        for (const { originatorId, originatorVersion, topic, state } of events) {
          insertEvent.run([id++, uuidToBytes(originatorId), originatorVersion, topic, state]);
        }
        if (tracking !== undefined) {
          this.#prepare(PUT_TRACKING_SQL).run([tracking.applicationName, tracking.notificationId]);
        }
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** The first column of the first row, or undefined when there is no row or it is NULL. */
  #number(sql: string, parameters: readonly SqliteValue[]): number | undefined {
    return (this.#prepare(sql).all(parameters)[0]?.[0] as number | null | undefined) ?? undefined;
  }

  #prepare(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function toNotification([id, originatorId, originatorVersion, topic, state]: SqliteRow): Notification {
  return {
    id: id as number,
    originatorId: bytesToUuid(originatorId as Uint8Array),
    originatorVersion: originatorVersion as number,
    topic: topic as string,
    state: state as Uint8Array,
  };
}
