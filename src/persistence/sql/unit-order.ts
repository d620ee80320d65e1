/**
 * The events of a synchronised store in the order in which a view of them is to be made: what is confirmed, in the server's
 * order, and then what is pending, in the order in which it was recorded. Read by SQL, so that a transaction sees the same
 * as it writes.
 *
 * What is confirmed is numbered as it comes (`sqlite-confirmed-order.ts`), each event once and for good; the era says that
 * the numbers are not the server's order any more.
 *
 * @module
 */
import type { Notification, NotificationId } from '../stored-event.js';
import { eventsSql, toNotification } from './sql-events.js';
import type { SqlQueryable, SqlRow } from './sql-queryable.js';
import type { ServerRecord } from '../server-records.js';
import { toServerRecord } from './sql-events.js';
import type { SqlRecorder } from './sql-recorder.js';

/** How far a store is, on both sides. */
export interface UnitOrder {
  /** Whether it has heard of a server's log. */
  readonly isSynchronised: boolean;
  /** The largest number of what is confirmed; 0 when nothing is. */
  readonly confirmed: number;
  /** The largest number that was ever given. */
  readonly numbered: number;
  /** Changes when what is confirmed is not what it was with more at its end. */
  readonly era: number;
  /** The largest notification id of what has left; 0 when nothing has. */
  readonly truncated: NotificationId;
  /** The largest notification id that was ever given. */
  readonly last: NotificationId;
  /** Everything up to this id is confirmed, or is not there any more. */
  readonly settled: NotificationId;
}

/** A unit as far as it was asked for. */
export interface OrderedUnit {
  /** The id of its first event, here. */
  readonly place: NotificationId;
  /** How many events it has, or had. */
  readonly count: number;
  /** What it is, in this place. */
  readonly edition: string;
  /** The number of its last event; undefined while it is pending. */
  readonly number: number | undefined;
  /** In the server's log; undefined while it is pending. */
  readonly position: number | undefined;
  /** Those of the topics that were asked for. */
  readonly events: readonly Notification[];
}

/** Which units to read. */
export interface UnitsRequest {
  readonly topics: readonly string[];
  /** Events, about; one unit is given at least, and each is whole. */
  readonly limit: number;
}

/** A column that says whether a store has heard of a server's log: where it stands there, or that it has gone back. */
export const IS_SYNCHRONISED =
  'EXISTS (SELECT 1 FROM daybook_marks WHERE daybook_marks.position > 0 OR daybook_marks.position = -1) AS synchronised';

/** A recorder that has units and SQL: a store that can be synchronised. */
export function hasUnitOrder(recorder: object): recorder is SqlRecorder {
  const { supports } = recorder as Partial<SqlRecorder>;
  return supports?.units === true && supports.sql === true;
}

/** Whether a store has heard of a server's log. */
export async function isSynchronised(sql: SqlQueryable): Promise<boolean> {
  const { rows } = await sql.query(`SELECT ${IS_SYNCHRONISED}`);
  return rows[0]?.['synchronised'] === 1;
}

/** Reads how far a store is. */
export async function readUnitOrder(sql: SqlQueryable): Promise<UnitOrder> {
  const { rows } = await sql.query(`SELECT
    ${IS_SYNCHRONISED},
    (SELECT max(id) FROM daybook_confirmed) AS confirmed,
    (SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = -4) AS truncated,
    (SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = -6) AS numbered,
    (SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = -7) AS era,
    (SELECT seq FROM sqlite_sequence WHERE name = 'stored_events') AS last,
    (SELECT min(first_id) FROM daybook_units WHERE position IS NULL) AS pending`);
  const [row = {}] = rows;
  const last = Number(row['last'] ?? 0);
  const confirmed = Number(row['confirmed'] ?? 0);
  return {
    isSynchronised: row['synchronised'] === 1,
    confirmed,
    numbered: Math.max(confirmed, Number(row['numbered'] ?? 0)),
    era: Number(row['era'] ?? 0),
    truncated: Number(row['truncated'] ?? 0),
    last,
    settled: row['pending'] === null ? last : Number(row['pending']) - 1,
  };
}

const UNIT = 'u.first_id, u.events, hex(coalesce(u.edition, u.unit_id)) AS edition, u.position';
const EVENT = eventsSql({}).select('e');
const CONFIRMED = 'daybook_confirmed AS c CROSS JOIN daybook_units AS u ON u.first_id = c.first_id';
const EVENTS_OF = 'stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events';

/**
 * Reads what is confirmed after a number, in the order of the numbers.
 *
 * @param upTo - the last number that counts
 */
export async function selectConfirmedUnits(
  sql: SqlQueryable,
  request: NumberedRequest,
): Promise<readonly OrderedUnit[]> {
  return await selectNumbered(sql, request, { where: 'c.id > $1 AND u.position IS NOT NULL', order: 'c.id' });
}

/**
 * As {@link selectConfirmedUnits}, with what the server has lost since: whoever reacts to what is confirmed reacts to it,
 * too, whether it has come to it before it was lost or not.
 */
export async function selectOnceConfirmedUnits(
  sql: SqlQueryable,
  request: NumberedRequest,
): Promise<readonly OrderedUnit[]> {
  return await selectNumbered(sql, request, { where: 'c.id > $1', order: 'c.id' });
}

/**
 * Whether history has left that was confirmed in a range of numbers: whoever reads the range is given a part. Not what may not be
 * seen any more: that begins an era. Only for stores of which something has left.
 */
export async function hasLeft(
  sql: SqlQueryable,
  { after, upTo }: Pick<NumberedRequest, 'after' | 'upTo'>,
): Promise<boolean> {
  const { rows } = await sql.query(
    `SELECT 1 FROM daybook_confirmed AS c LEFT JOIN daybook_units AS u ON u.first_id = c.first_id
      WHERE c.id > $1 AND c.id <= $2 AND (u.first_id IS NULL OR u.events >
        (SELECT count(*) FROM stored_events WHERE notification_id >= u.first_id AND notification_id < u.first_id + u.events))
      LIMIT 1`,
    [after, upTo],
  );
  return rows.length > 0;
}

/** The event that was confirmed first: a log is known by it, as long as nothing of it is lost. */
export async function selectFirstConfirmed(sql: SqlQueryable): Promise<Notification | undefined> {
  const { rows } = await sql.query(
    `SELECT ${EVENT} FROM ${CONFIRMED} CROSS JOIN ${EVENTS_OF} ORDER BY c.id, e.notification_id LIMIT 1`,
  );
  return rows[0] && toNotification(rows[0]);
}

/** The numbers of a unit's events, of those that were asked for. */
export function numbersOf({ number, count, place, events }: OrderedUnit): readonly number[] {
  return events.map(({ id }) => (number ?? 0) - count + 1 + (id - place));
}

/** Reads what is confirmed after a position, in the server's order, as far as its numbers go up to one. */
export async function selectUnitsByPosition(
  sql: SqlQueryable,
  request: NumberedRequest,
): Promise<readonly OrderedUnit[]> {
  return await selectNumbered(sql, request, { where: 'u.position > $1', order: 'u.position' });
}

/** Reads what is pending after a place, in the order in which it was recorded. */
export async function selectPendingInOrder(
  sql: SqlQueryable,
  { after, ...request }: UnitsRequest & { readonly after: NotificationId },
): Promise<readonly OrderedUnit[]> {
  return await selectUnits(sql, request, {
    columns: 'NULL AS number',
    from: 'daybook_units AS u',
    where: 'u.position IS NULL AND u.first_id > $1',
    order: 'u.first_id',
    values: [after],
  });
}

/** What the server of a device's store says of events: of those that a page has confirmed, and that are not lost. */
export async function selectServerRecords(
  sql: SqlQueryable,
  ids: readonly NotificationId[],
): Promise<ReadonlyMap<NotificationId, ServerRecord>> {
  const { rows } = await sql.query(
    `SELECT w.value AS id, u.author, u.recorded_at_ms FROM json_each($1) AS w CROSS JOIN daybook_units AS u
      ON u.first_id = (SELECT max(o.first_id) FROM daybook_units AS o WHERE o.first_id <= w.value)
      WHERE w.value < u.first_id + u.events AND u.position IS NOT NULL AND NOT u.flags & 4`,
    [JSON.stringify(ids)],
  );
  return new Map(rows.map((row) => [Number(row['id']), toServerRecord(row)]));
}

/** Which editions stand in some places: none where there is none any more. */
export async function selectEditions(
  sql: SqlQueryable,
  places: readonly NotificationId[],
): Promise<ReadonlyMap<NotificationId, string>> {
  const { rows } = await sql.query(
    `SELECT u.first_id, hex(coalesce(u.edition, u.unit_id)) AS edition
      FROM json_each($1) AS p CROSS JOIN daybook_units AS u ON u.first_id = p.value`,
    [JSON.stringify(places)],
  );
  return new Map(rows.map((row) => [Number(row['first_id']), String(row['edition'])]));
}

/** What is confirmed after something, as far as its numbers go up to one. */
export interface NumberedRequest extends UnitsRequest {
  readonly after: number;
  readonly upTo: number;
}

async function selectNumbered(
  sql: SqlQueryable,
  { after, upTo, ...request }: NumberedRequest,
  { where, order }: Pick<UnitsQuery, 'where' | 'order'>,
): Promise<readonly OrderedUnit[]> {
  return await selectUnits(sql, request, {
    ...{ columns: 'c.id AS number', from: CONFIRMED, order },
    where: `${where} AND c.id <= $2`,
    values: [after, upTo],
  });
}

interface UnitsQuery {
  readonly columns: string;
  readonly from: string;
  readonly where: string;
  readonly order: string;
  readonly values: readonly unknown[];
}

async function selectUnits(
  sql: SqlQueryable,
  { topics, limit }: UnitsRequest,
  { columns, from, where, order, values }: UnitsQuery,
): Promise<readonly OrderedUnit[]> {
  // Without any, no event matters.
  if (topics.length === 0) return [];
  const topicsAt = values.length + 1;
  // One more than wanted, so that the last unit is known to be whole.
  const { rows } = await sql.query(
    `SELECT ${columns}, ${UNIT}, ${EVENT} FROM ${from} CROSS JOIN ${EVENTS_OF}
      WHERE ${where} AND e.topic IN (SELECT value FROM json_each($${topicsAt}))
      ORDER BY ${order}, e.notification_id LIMIT $${topicsAt + 1}`,
    [...values, JSON.stringify(topics), limit + 1],
  );
  const units = grouped(rows);
  if (rows.length <= limit) return units;
  if (units.length > 1) return units.slice(0, -1);
  // It has more events than were asked for.
  return await selectUnits(sql, { topics, limit: limit * 4 }, { columns, from, where, order, values });
}

function grouped(rows: readonly SqlRow[]): OrderedUnit[] {
  const units: (OrderedUnit & { readonly events: Notification[] })[] = [];
  for (const row of rows) {
    const place = Number(row['first_id']);
    const last = units.at(-1);
    if (last?.place === place) last.events.push(toNotification(row));
    else {
      units.push({
        place,
        count: Number(row['events']),
        edition: String(row['edition']),
        number: numberOf(row['number']),
        position: numberOf(row['position']),
        events: [toNotification(row)],
      });
    }
  }
  return units;
}

function numberOf(value: unknown): number | undefined {
  return value === null ? undefined : Number(value);
}
