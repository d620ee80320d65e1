/**
 * The statements on a log in D1.
 *
 * Guards are in the statements, because nothing is read in between: a position that is taken meets the unique index; a tracking
 * record that does not move forward becomes NULL, which its column refuses.
 *
 * @module
 */
import type { SqlRow } from '../sql/sql-queryable.js';
import { quoted } from '../sqlite/sqlite-schema.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { D1_ROW_BYTES_MAX } from './d1-limits.js';
import type { D1Query, D1Value } from './d1-limits.js';

// Of one parameter, which is a value like others: a unit of UTF-16 takes three bytes at the most.
const PARAMETER_UNITS_MAX = Math.floor(D1_ROW_BYTES_MAX / 3);

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** A statement that inserts so many events. */
export interface D1Insertion extends D1Query {
  readonly events: number;
}

/** The statements on one table of events and one of tracking records. */
export class D1Statements {
  readonly #events: string;
  readonly #eventsName: string;
  readonly #tracking: string;

  constructor(eventsTable: string, trackingTable: string) {
    this.#events = quoted(eventsTable);
    this.#eventsName = eventsTable;
    this.#tracking = quoted(trackingTable);
  }

  /**
   * Inserts events in their order: those that fit, by one parameter that has them as JSON. A statement for each takes five times
   * as long, and a statement with many rows twice (bench/README.md).
   *
   * @param firstId - of the first of them, the others follow. @defaultValue those that are next
   */
  insertions(events: readonly StoredEvent[], firstId?: NotificationId): readonly D1Insertion[] {
    const insertions: D1Insertion[] = [];
    let rows: string[] = [];
    let units = 0;
    let done = 0;
    const idOfNext = (): NotificationId | undefined => (firstId === undefined ? undefined : firstId + done);
    const flush = (): void => {
      if (rows.length === 0) return;
      insertions.push({ ...this.#insertMany(`[${rows.join(',')}]`, idOfNext()), events: rows.length });
      done += rows.length;
      rows = [];
      units = 0;
    };
    for (const event of events) {
      const row = events.length === 1 ? undefined : jsonRow(event);
      const isOwn = row === undefined || row.length + 2 > PARAMETER_UNITS_MAX;
      if (isOwn || units + row.length + 2 > PARAMETER_UNITS_MAX) flush();
      if (isOwn) {
        insertions.push({ ...this.#insertOne(event, idOfNext()), events: 1 });
        done++;
      } else {
        rows.push(row);
        units += row.length + 1;
      }
    }
    flush();
    return insertions;
  }

  track({ applicationName, notificationId }: Tracking): D1Query {
    return {
      sql: `INSERT INTO ${this.#tracking} AS t (application_name, notification_id) VALUES (?, ?)
        ON CONFLICT (application_name) DO UPDATE SET notification_id =
        CASE WHEN excluded.notification_id > t.notification_id THEN excluded.notification_id END`,
      values: [applicationName, notificationId],
    };
  }

  selectEvents(originatorId: OriginatorId, { gt, lte, desc = false, limit }: SelectEventsOptions): D1Query {
    const conditions = ['originator_id = ?'];
    const values: D1Value[] = [originatorId];
    const add = (condition: string, value: D1Value): string => {
      values.push(value);
      return condition;
    };
    if (gt !== undefined) conditions.push(add('originator_version > ?', gt));
    if (lte !== undefined) conditions.push(add('originator_version <= ?', lte));
    const limited = limit === undefined ? '' : add('LIMIT ?', limit);
    return {
      sql: `SELECT originator_version, topic, state FROM ${this.#events} WHERE ${conditions.join(' AND ')}
        ORDER BY originator_version ${desc ? 'DESC' : 'ASC'} ${limited}`,
      values,
    };
  }

  selectNotifications({ start, stop, topics = [], limit }: SelectNotificationsOptions): D1Query {
    const conditions = ['notification_id >= ?'];
    const values: D1Value[] = [start];
    const add = (condition: string, value: D1Value): void => {
      conditions.push(condition);
      values.push(value);
    };
    if (stop !== undefined) add('notification_id <= ?', stop);
    if (topics.length > 0) add('topic IN (SELECT value FROM json_each(?))', JSON.stringify(topics));
    return {
      sql: `SELECT notification_id, originator_id, originator_version, topic, state FROM ${this.#events}
        WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT ?`,
      values: [...values, limit],
    };
  }

  /** A query for the column `id`. Rows may have been copied in past the counter. */
  maxNotificationId(): D1Query {
    return {
      sql: `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0),
        coalesce((SELECT max(notification_id) FROM ${this.#events}), 0)) AS id`,
      values: [this.#eventsName],
    };
  }

  /** A query for the column `id`, or no row. */
  maxTrackingId(applicationName: string): D1Query {
    return {
      sql: `SELECT notification_id AS id FROM ${this.#tracking} WHERE application_name = ?`,
      values: [applicationName],
    };
  }

  /** Queries for `originator_id` and `originator_version` of the places that are taken. */
  taken(events: readonly StoredEvent[]): D1Query {
    const places = events.map(({ originatorId, originatorVersion }) => [originatorId, originatorVersion]);
    return {
      sql: `SELECT originator_id, originator_version FROM json_each(?) AS place JOIN ${this.#events}
        ON originator_id = place.value->>0 AND originator_version = place.value->>1`,
      values: [JSON.stringify(places)],
    };
  }

  #insertOne({ originatorId, originatorVersion, topic, state }: StoredEvent, id: NotificationId | undefined): D1Query {
    const values = [originatorId, originatorVersion, topic, toValue(state)];
    return id === undefined
      ? { sql: `INSERT INTO ${this.#events} (${COLUMNS}) VALUES (?, ?, ?, ?)`, values }
      : {
          sql: `INSERT INTO ${this.#events} (notification_id, ${COLUMNS}) VALUES (?, ?, ?, ?, ?)`,
          values: [id, ...values],
        };
  }

  #insertMany(json: string, id: NotificationId | undefined): D1Query {
    return id === undefined
      ? {
          sql: `INSERT INTO ${this.#events} (${COLUMNS}) SELECT ${JSON_COLUMNS} FROM json_each(?) ORDER BY key`,
          values: [json],
        }
      : {
          sql: `INSERT INTO ${this.#events} (notification_id, ${COLUMNS})
            SELECT ? + key, ${JSON_COLUMNS} FROM json_each(?) ORDER BY key`,
          values: [id, json],
        };
  }
}

const COLUMNS = 'originator_id, originator_version, topic, state';
const JSON_COLUMNS = 'value->>0, value->>1, value->>2, coalesce(unhex(value->>4), value->>3)';

function jsonRow({ originatorId, originatorVersion, topic, state }: StoredEvent): string {
  const value = toValue(state);
  const stored = typeof value === 'string' ? [value] : [null, toHex(value)];
  return JSON.stringify([originatorId, originatorVersion, topic, ...stored]);
}

/** Bytes as they are stored: a text where they are one. */
export function toValue(bytes: Uint8Array): string | Uint8Array {
  try {
    const text = decoder.decode(bytes);
    // A text with a zero is shorter for SQLite than it is.
    return text.includes('\0') ? bytes : text;
  } catch {
    return bytes;
  }
}

/** Bytes of their own: of a text, or of the list of numbers that D1 makes of a blob. */
export function toBytes(value: unknown): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : Uint8Array.from(value as ArrayLike<number>);
}

/** @param originatorId - whose they are */
export function toStoredEvent(row: SqlRow, originatorId: OriginatorId): StoredEvent {
  return {
    originatorId,
    originatorVersion: row['originator_version'] as number,
    topic: row['topic'] as string,
    state: toBytes(row['state']),
  };
}

export function toNotification(row: SqlRow): Notification {
  return { id: row['notification_id'] as number, ...toStoredEvent(row, row['originator_id'] as string) };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte] as string;
  return hex;
}
