/**
 * A table of events in a total order: the statements, run at once.
 *
 * @module
 */
import { LastUuid } from '../../util/last-uuid.js';
import { UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import { IntegrityError } from '../errors.js';
import type { SelectNotificationsOptions } from '../recorder.js';
import type { LogTables } from '../serial/serial-recorder.js';
import type { Notification, NotificationId, StoredEvent } from '../stored-event.js';
import { joinedSql, ROWS_APART, ROWS_JOINED_MAX, toJoinedRows } from './joined-rows.js';
import { namingTaken, SqliteAggregateTable } from './sqlite-aggregate-table.js';
import type { SqliteDatabase, SqliteRow, SqliteValue } from './sqlite-driver.js';
import { createEventsSql } from './sqlite-schema.js';

const TABLE = 'stored_events';
// Rows of one INSERT, where every call counts: about 0.7 of the time that as many take one by one, and more save nothing.
const ROWS_INSERTED = 32;

/** The events of one application. */
export class SqliteEventsTable extends SqliteAggregateTable implements LogTables {
  readonly #insertOneSql: string;
  readonly #insertManySql: string;

  /** @param table - its name, as it is: it may need quotes. @defaultValue `stored_events` */
  constructor(database: SqliteDatabase, table: string = TABLE) {
    super(database, table);
    this.#insertOneSql = insertSql(this.table, 1);
    this.#insertManySql = insertSql(this.table, ROWS_INSERTED);
  }

  override createTable(): void {
    this.database.exec(createEventsSql(this.name));
  }

  maxNotificationId(): NotificationId {
    // The table itself is asked as well: it must be there, and rows may have been copied in past the counter.
    const sql = `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0),
      coalesce((SELECT max(notification_id) FROM ${this.table}), 0))`;
    return this.statements.number(sql, [this.name]) ?? 0;
  }

  selectNotifications(options: SelectNotificationsOptions): Notification[] {
    if (this.database.batchesRows !== true) return this.#selectApart(options);
    const { limit } = options;
    const notifications = this.#selectApart({ ...options, limit: Math.min(limit, ROWS_APART) });
    let isFull = notifications.length === ROWS_APART;
    while (isFull && notifications.length < limit) {
      const asked = Math.min(limit - notifications.length, ROWS_JOINED_MAX);
      const start = (notifications[notifications.length - 1] as Notification).id + 1;
      const more = this.#selectJoined({ ...options, start, limit: asked });
      for (const notification of more) notifications.push(notification);
      isFull = more.length === asked;
    }
    return notifications;
  }

  override insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    // The write lock is held, so nobody else gives ids.
    return this.insertFrom(this.maxNotificationId() + 1, events);
  }

  /** @param firstId - of the first event; the others follow without gaps */
  insertFrom(firstId: NotificationId, events: readonly StoredEvent[]): NotificationId[] {
    let at = 0;
    if (this.database.batchesRows === true) {
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
      this.statements.run(this.#insertManySql, values);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      // The statement inserted nothing. One by one, the row that is refused can be named.
      events.forEach((event, index) => this.#insertRow(firstId + index, event));
    }
  }

  #insertRow(id: NotificationId, event: StoredEvent): void {
    namingTaken(event, () => this.statements.run(this.#insertOneSql, rowOf(id, event)));
  }

  #selectApart(options: SelectNotificationsOptions): Notification[] {
    const { sql, parameters } = this.#rows(options);
    const uuids = new LastUuid();
    return this.statements.all(sql, parameters).map(([id, originatorId, originatorVersion, topic, state]) => ({
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
    const rows = toJoinedRows(this.statements.all(joined, parameters)[0] as SqliteRow);
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
    const sql = `SELECT notification_id, originator_id, originator_version, topic, state FROM ${this.table}
       WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT ?`;
    return { sql, parameters: [...parameters, options.limit] };
  }

  #state(id: NotificationId): Uint8Array {
    const sql = `SELECT state FROM ${this.table} WHERE notification_id = ?`;
    return this.statements.all(sql, [id])[0]?.[0] as Uint8Array;
  }
}

function rowOf(id: NotificationId, event: StoredEvent): SqliteValue[] {
  return [id, uuidToBytes(event.originatorId), event.originatorVersion, event.topic, event.state];
}

function insertSql(table: string, rows: number): string {
  return `INSERT INTO ${table} (notification_id, originator_id, originator_version, topic, state)
       VALUES ${Array.from({ length: rows }, () => '(?, ?, ?, ?, ?)').join(', ')}`;
}
