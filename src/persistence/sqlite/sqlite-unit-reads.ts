/**
 * Reads units with their events, and what is said of them.
 *
 * @module
 */
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { UnitPlace } from '../journal/sync-change.js';
import type { PlacedPast } from '../past.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { OUT_OF_SCOPE } from '../unit.js';
import type { EditionId, LostUnit, PendingUnit, UnitId } from '../unit.js';
import type { SetAsideUnit, UnitLimits, UnitStanding } from '../unit-recorder.js';
import { statementsOf } from './sqlite-connection.js';
import { SqliteDecisions } from './sqlite-decisions.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { SqliteTruncation } from './sqlite-truncation.js';
import {
  CONFIRMATION_COLUMNS,
  FLAGS_LEFT,
  FLAGS_SUPERSEDED,
  toConfirmation,
  toReadUnit,
  toStanding,
  UNIT_COLUMNS,
} from './sqlite-unit-codec.js';
import type { ReadUnit } from './sqlite-unit-codec.js';
import { FLAG_FOREIGN, FLAG_REFUSED } from './sqlite-unit-rows.js';

/** What limits of bytes count. */
const bytesOf = (events: string): string => `(SELECT total(length(topic) + length(state)) FROM ${events}
  WHERE notification_id >= u.first_id AND notification_id < u.first_id + u.events)`;

/** Where units are, and what is said of each there: flags, position, reason. */
const STANDINGS = [
  ['daybook_units', 'flags, position, NULL, NULL'],
  ['daybook_set_aside', 'flags, NULL, code, message'],
  ['daybook_left', `${FLAGS_LEFT}, position, NULL, NULL`],
  ['daybook_superseded', `${FLAGS_SUPERSEDED}, NULL, code, message`],
] as const;

// What may be pending again, with what follows on it, and what it stood on. In one record, and so in one piece of work that
// a commit waits for.
const RETURN_SLICE: UnitLimits = { eventsMax: 500, bytesMax: 1024 * 1024 };
const RETURNING_SQL = `SELECT ${UNIT_COLUMNS}, p.after FROM daybook_set_aside AS u
  CROSS JOIN daybook_aside_places AS p ON p.unit_id = u.unit_id
  WHERE u.first_id > ? AND u.code IN ('${OUT_OF_SCOPE}', 'DEPENDENCY') ORDER BY u.first_id`;

// Of an event that is of no unit yet, nothing but where it is.
const PAST_SQL = `SELECT e.originator_version, e.notification_id, u.edition IS NOT NULL, coalesce(u.edition, u.unit_id)
  FROM stored_events AS e LEFT JOIN daybook_units AS u
    ON u.first_id = (SELECT max(first_id) FROM daybook_units WHERE first_id <= e.notification_id)
      AND e.notification_id < u.first_id + u.events
  WHERE e.originator_id = ? AND e.originator_version <= ? ORDER BY e.originator_version DESC LIMIT 1`;

/** A unit with its events. */
export interface ReadEvents extends ReadUnit {
  readonly events: readonly StoredEvent[];
}

/** What follows the columns of a unit that was set aside. */
type SetAsideRest = [
  flags: number,
  code: string,
  message: string,
  atMs: number,
  command?: Uint8Array,
  attempts?: number,
];

/** And with what it stands on. */
export interface PlacedUnit extends ReadEvents {
  readonly places: PendingUnit['after'];
}

/** The units of one database. */
export class SqliteUnitReads {
  readonly #statements: SqliteStatements;
  readonly #events: SqliteEventsTable;
  readonly #setAsideEvents: SqliteEventsTable;
  readonly #decisions: SqliteDecisions;
  readonly #truncation: SqliteTruncation;

  /** @param database - lent, with the tables of units */
  constructor(database: SqliteDatabase) {
    this.#statements = statementsOf(database);
    this.#events = new SqliteEventsTable(database);
    this.#setAsideEvents = new SqliteEventsTable(database, 'daybook_set_aside_events');
    this.#decisions = new SqliteDecisions(database);
    this.#truncation = new SqliteTruncation(database);
  }

  selectPending(after: NotificationId, limits: UnitLimits): PendingUnit[] {
    const sql = `SELECT ${UNIT_COLUMNS} FROM daybook_units AS u WHERE u.position IS NULL AND u.first_id > ? ORDER BY u.first_id`;
    return this.#placed(sql, after, limits).map(({ place, unit, events, places }) => ({
      ...unit,
      events,
      firstNotificationId: place,
      after: places,
    }));
  }

  selectLost(after: number, limits: UnitLimits): LostUnit[] {
    const sql = `SELECT ${UNIT_COLUMNS}, ${CONFIRMATION_COLUMNS} FROM daybook_units AS u
      WHERE u.flags > 3 AND u.position > ? ORDER BY u.position`;
    return this.#placed(sql, after, limits).map(({ unit, events, rest, places }) => ({
      ...unit,
      events,
      ...toConfirmation(rest),
      after: places,
    }));
  }

  selectSetAside(after: NotificationId, limits: UnitLimits, which = ''): SetAsideUnit[] {
    const sql = `SELECT ${UNIT_COLUMNS}, u.flags, u.code, u.message, u.set_aside_at_ms, nullif(c.command, x''), c.attempts
      FROM daybook_set_aside AS u
      LEFT JOIN daybook_commands AS c ON c.unit_id = u.unit_id WHERE u.first_id > ?${which} ORDER BY u.first_id`;
    return this.#select(sql, after, limits, this.#setAsideEvents).map(({ place, unit, events, rest }) => {
      const [flags, code, message, setAsideAtMs, command, attempts] = rest as SetAsideRest;
      const reason = { code, message };
      const kept = { command: command ?? undefined, attempts: attempts ?? 0 };
      const isFlagged = { isRefused: (flags & FLAG_REFUSED) !== 0, isForeign: (flags & FLAG_FOREIGN) !== 0 };
      return { ...unit, events, firstNotificationId: place, reason, setAsideAtMs, ...kept, ...isFlagged };
    });
  }

  /** Some of those after a place that were set aside, and left what they stood on. */
  selectReturning(after: UnitPlace): readonly ReadEvents[] {
    return this.#select(RETURNING_SQL, after, RETURN_SLICE, this.#setAsideEvents);
  }

  /** What a unit stands on. */
  placesOf(place: UnitPlace): PlacedUnit | undefined {
    const sql = `SELECT ${UNIT_COLUMNS} FROM daybook_units AS u WHERE u.first_id > ? ORDER BY u.first_id`;
    return this.#placed(sql, place - 1, { eventsMax: 1, bytesMax: 1 })[0];
  }

  find(keys: readonly (UnitId | NotificationId)[]): (UnitStanding | undefined)[] {
    return keys.map((key) => this.#find(key));
  }

  #find(key: UnitId | NotificationId): UnitStanding | undefined {
    const isPlace = typeof key === 'number';
    const which = isPlace
      ? 'first_id = (SELECT max(first_id) FROM TABLE WHERE first_id <= ?1) AND first_id + events > ?1'
      : 'unit_id = ?1';
    if (isPlace) {
      const id = this.#decisions.wasAt(key);
      if (id !== undefined) return this.#find(id);
    }
    for (const [table, rest] of STANDINGS) {
      const sql = `SELECT unit_id, first_id, ${rest} FROM ${table} WHERE ${which.replace('TABLE', table)}`;
      const [row] = this.#statements.all(sql, [isPlace ? key : uuidToBytes(key)]);
      if (row !== undefined) return toStanding(row);
    }
    return undefined;
  }

  openIds(): UnitId[] {
    const sql =
      'SELECT unit_id FROM daybook_units WHERE position IS NULL UNION ALL SELECT unit_id FROM daybook_set_aside';
    return this.#statements.all(sql, []).map(([id]) => bytesToUuid(id as Uint8Array));
  }

  /** The events of units, in the order of the units. */
  eventsOf(units: readonly { readonly place: UnitPlace; readonly count: number }[]): StoredEvent[][] {
    return eventsOf(this.#events, units);
  }

  /** As in `PastTables`. */
  pastAt(originatorId: OriginatorId, upTo: number): PlacedPast | undefined {
    const [row] = this.#statements.all(PAST_SQL, [uuidToBytes(originatorId), upTo]);
    // Of an aggregate with a base, the event after it is there: nothing is ever decided on the base itself.
    if (row === undefined) return undefined;
    const [version, id, isMoved, edition] = row as [number, number, number | null, Uint8Array | null];
    return { version, id, isAsRecorded: isMoved !== 1, edition: edition === null ? undefined : bytesToUuid(edition) };
  }

  /** The edition that has the version before an event's. */
  editionBefore({ originatorId, originatorVersion }: StoredEvent): EditionId | undefined {
    const sql = `SELECT coalesce(edition, unit_id) FROM daybook_units WHERE first_id <= (SELECT notification_id FROM stored_events
      WHERE originator_id = ? AND originator_version < ? ORDER BY originator_version DESC LIMIT 1)
      ORDER BY first_id DESC LIMIT 1`;
    const [row] = this.#statements.all(sql, [uuidToBytes(originatorId), originatorVersion]);
    if (row !== undefined) return bytesToUuid(row[0] as Uint8Array);
    const base = this.#truncation.base(originatorId);
    return base?.version === originatorVersion - 1 ? base.edition : undefined;
  }

  /** With the units before, for each aggregate of each. */
  #placed(sql: string, after: number, limits: UnitLimits): PlacedUnit[] {
    const before = new Map<string, EditionId>();
    return this.#select(sql, after, limits).map((read) => {
      const seen = new Set<string>();
      const places: (EditionId | undefined)[] = [];
      for (const event of read.events) {
        const { originatorId, originatorVersion } = event;
        if (!seen.has(originatorId)) {
          seen.add(originatorId);
          places.push(before.get(`${originatorId}:${originatorVersion - 1}`) ?? this.editionBefore(event));
        }
        // Most often it is among those that are read with it.
        before.set(`${originatorId}:${originatorVersion}`, read.unit.edition ?? read.unit.id);
      }
      return { ...read, places };
    });
  }

  /** As many of the rows as the limits let, one at least, with their events. */
  #select(
    sql: string,
    after: number,
    { eventsMax, bytesMax }: UnitLimits,
    table: SqliteEventsTable = this.#events,
  ): ReadEvents[] {
    const bytes = bytesOf(table === this.#events ? 'stored_events' : 'daybook_set_aside_events');
    const limited = sql.replace('SELECT', `SELECT ${bytes},`);
    let [eventsLeft, bytesLeft] = [eventsMax, bytesMax];
    const units: ReadUnit[] = [];
    for (const [size, ...row] of this.#statements.all(`${limited} LIMIT ?`, [after, eventsMax])) {
      const read = toReadUnit(row);
      eventsLeft -= read.count;
      bytesLeft -= size as number;
      if (units.length > 0 && (eventsLeft < 0 || bytesLeft < 0)) break;
      units.push(read);
    }
    const events = eventsOf(table, units);
    return units.map((read, index) => ({ ...read, events: events[index] as readonly StoredEvent[] }));
  }
}

/** The events of units, with one query for those that follow each other. */
function eventsOf(
  table: SqliteEventsTable,
  units: readonly { readonly place: UnitPlace; readonly count: number }[],
): StoredEvent[][] {
  const events: Notification[] = [];
  for (let at = 0; at < units.length;) {
    const { place: start } = units[at] as { readonly place: UnitPlace };
    let end = start;
    for (; at < units.length && units[at]?.place === end; at++) end += (units[at] as { count: number }).count;
    for (const event of table.selectNotifications({ start, stop: end - 1, limit: end - start })) events.push(event);
  }
  let next = 0;
  return units.map(({ place, count }) => {
    const own: StoredEvent[] = [];
    // Fewer than it had, where some may not be seen any more.
    for (let event = events[next]; event !== undefined && event.id >= place && event.id < place + count;) {
      const { id: _id, ...stored } = event;
      own.push(stored);
      event = events[++next];
    }
    return own;
  });
}
