/**
 * Rows of units, and the statements that find them.
 *
 * @module
 */
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import type { NotificationId, OriginatorId } from '../stored-event.js';
import type { EditionId, UnitId } from '../unit.js';
import type { AsideRow } from './sqlite-decide-plan.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteRow, SqliteValue } from './sqlite-driver.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** Of `flags`. */
export const FLAG_COMMUTATIVE = 1;
export const FLAG_FOREIGN = 2;
export const FLAG_LOST = 4;
/** Of units that were set aside: a server keeps that it has refused it. */
export const FLAG_REFUSED = 8;

/** One unit that is here. */
export interface UnitRow {
  /** The id of its first event. */
  readonly place: NotificationId;
  readonly count: number;
  readonly id: UnitId;
  readonly flags: number;
  /** Undefined where it is pending. */
  readonly position: number | undefined;
  readonly edition: EditionId;
}

/** An event of an aggregate, and its unit. */
export interface PlacedVersion {
  readonly originatorVersion: number;
  readonly unit: UnitRow;
}

// Rows of an aggregate that are looked at together: most have fewer that are pending.
const TAIL_ROWS = 64;

/** As {@link joinedIds}. */
const IS_AMONG = `unit_id IN (SELECT substr(?, value * ${UUID_BYTES} + 1, ${UUID_BYTES}) FROM json_each(?))`;
const COLUMNS = 'u.first_id, u.events, u.unit_id, u.flags, u.position, coalesce(u.edition, u.unit_id)';
/** The unit of an event `e`: ids of a unit's events follow each other. CROSS, or SQLite begins with the units. */
const UNIT_OF_EVENT = `CROSS JOIN daybook_units AS u
  ON u.first_id = (SELECT max(first_id) FROM daybook_units WHERE first_id <= e.notification_id)`;
/** On no server as far as is known. */
const IS_OPEN = '(u.position IS NULL OR u.flags > 3)';
const IS_OWN_AND_OPEN = `${IS_OPEN} AND NOT u.flags & ${FLAG_FOREIGN}`;

/** Finds units in the tables of one database. */
export class SqliteUnitRows {
  readonly #statements: SqliteStatements;

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#statements = statementsOf(database);
  }

  /** Those that are there, of some. One query, whatever their number. */
  byIds(ids: readonly UnitId[]): Map<UnitId, UnitRow> {
    const sql = `SELECT ${COLUMNS} FROM daybook_units AS u WHERE ${IS_AMONG}`;
    const rows = this.#rows(sql, joinedIds(ids));
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Those of some that were set aside, and whether others had recorded them. */
  setAsideOf(ids: readonly UnitId[]): Map<UnitId, boolean> {
    if (this.#statements.number('SELECT 1 FROM daybook_set_aside LIMIT 1', []) === undefined) return new Map();
    const sql = `SELECT unit_id, flags & ${FLAG_FOREIGN} FROM daybook_set_aside WHERE ${IS_AMONG}`;
    const rows = this.#statements.all(sql, joinedIds(ids));
    return new Map(rows.map(([id, foreign]) => [bytesToUuid(id as Uint8Array), foreign !== 0]));
  }

  /** Those of some that were replaced or withdrawn, or have left, as far back as that is known. */
  goneOf(ids: readonly UnitId[]): UnitId[] {
    return ['superseded', 'left'].flatMap((table) => this.#among(`${table} WHERE`, ids));
  }

  /** Those of some whose commands are kept. */
  withCommands(ids: readonly UnitId[]): Set<UnitId> {
    return new Set(this.#among("commands WHERE command != x'' AND", ids));
  }

  /** Those of some that are set aside, as they are there. */
  asideByIds(ids: readonly UnitId[]): Map<UnitId, AsideRow> {
    const sql = `SELECT unit_id, first_id, flags, scopes FROM daybook_set_aside WHERE ${IS_AMONG}`;
    return new Map(
      this.#statements.all(sql, joinedIds(ids)).map(([id, place, flags, scopes]) => [
        bytesToUuid(id as Uint8Array),
        {
          place: place as NotificationId,
          isForeign: ((flags as number) & FLAG_FOREIGN) !== 0,
          scopes: scopes === null ? [] : (JSON.parse(scopes as string) as string[]),
        },
      ]),
    );
  }

  /** The largest version of an aggregate that a page has confirmed up to a position; -1 when there is none. */
  versionAt(originatorId: OriginatorId, position: number): number {
    const sql = `SELECT e.originator_version FROM stored_events AS e ${UNIT_OF_EVENT}
      WHERE e.originator_id = ? AND u.position <= ? AND u.flags < ${FLAG_LOST} ORDER BY e.originator_version DESC LIMIT 1`;
    return this.#statements.number(sql, [uuidToBytes(originatorId), position]) ?? -1;
  }

  /**
   * The events of an aggregate that are pending or lost, newest first, and the newest version that is confirmed.
   *
   * @returns `confirmed` is undefined when there is none
   */
  tail(originatorId: OriginatorId): { readonly pending: PlacedVersion[]; readonly confirmed: number | undefined } {
    const pending: PlacedVersion[] = [];
    const confirmed = this.before(originatorId, Number.MAX_SAFE_INTEGER, (unit, originatorVersion) => {
      const isOpen = !isConfirmed(unit);
      if (isOpen) pending.push({ originatorVersion, unit });
      return isOpen;
    });
    return { pending, confirmed: confirmed?.originatorVersion };
  }

  /** The newest event of an aggregate below a version, but for those that are passed over. */
  before(
    originatorId: OriginatorId,
    version: number,
    isPassed: (unit: UnitRow, originatorVersion: number) => boolean = () => false,
  ): PlacedVersion | undefined {
    const sql = `SELECT ${COLUMNS}, e.originator_version FROM stored_events AS e ${UNIT_OF_EVENT}
      WHERE e.originator_id = ? AND e.originator_version < ? ORDER BY e.originator_version DESC LIMIT ?`;
    for (let [below, limit] = [version, 1]; ; limit = TAIL_ROWS) {
      const rows = this.#statements.all(sql, [uuidToBytes(originatorId), below, limit]);
      for (const row of rows) {
        const unit = toUnitRow(row);
        below = row[6] as number;
        if (!isPassed(unit, below)) return { originatorVersion: below, unit };
      }
      if (rows.length < limit) return undefined;
    }
  }

  /** Units that no server has, as far as is known, with events of an aggregate after a version: own ones, or all. */
  openAfter(originatorId: Uint8Array, version: number, which: 'own' | 'all' = 'own'): UnitRow[] {
    const sql = `SELECT DISTINCT ${COLUMNS} FROM stored_events AS e ${UNIT_OF_EVENT}
      WHERE e.originator_id = ? AND e.originator_version > ? AND ${which === 'own' ? IS_OWN_AND_OPEN : IS_OPEN}`;
    return this.#rows(sql, [originatorId, version]);
  }

  /** The aggregates of units that are confirmed after a position, and up to another, and are none of some. */
  hiddenBetween(after: number, upTo: number, shown: ReadonlySet<UnitId>): Set<OriginatorId> {
    const sql = `SELECT ${COLUMNS} FROM daybook_units AS u
      WHERE u.position > ? AND u.position <= ? AND u.flags < ${FLAG_LOST}`;
    const hidden = this.#rows(sql, [after, upTo]).filter(({ id }) => !shown.has(id));
    return new Set(hidden.flatMap((row) => this.aggregatesOf(row).map(([id]) => bytesToUuid(id))));
  }

  /** The aggregates of what is own and not confirmed, or set aside. For few units: it looks at all of them. */
  openAggregates(): OriginatorId[] {
    const sql = `SELECT e.originator_id FROM daybook_units AS u CROSS JOIN stored_events AS e
        ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events WHERE u.position IS NULL
      UNION SELECT originator_id FROM daybook_set_aside_events`;
    return this.#statements.all(sql, []).map(([id]) => bytesToUuid(id as Uint8Array));
  }

  /** The aggregates of a unit, each with the first version that it has of it. */
  aggregatesOf({ place, count }: UnitRow): [originatorId: Uint8Array, version: number][] {
    const sql = `SELECT originator_id, min(originator_version) FROM stored_events
      WHERE notification_id >= ? AND notification_id < ? GROUP BY originator_id`;
    return this.#statements.all(sql, [place, place + count]) as [Uint8Array, number][];
  }

  /** Own units that no server has, and which stand on what is lost and others'. */
  onLost(): UnitRow[] {
    // From what is lost on: looked for from each event, it takes the square of the events of an aggregate.
    const sql = `SELECT DISTINCT ${COLUMNS} FROM (SELECT e.originator_id AS id, min(e.originator_version) AS first FROM daybook_units AS u
      CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
      WHERE u.flags > 3 AND u.flags & ${FLAG_FOREIGN} GROUP BY 1)
      CROSS JOIN stored_events AS e ON e.originator_id = id AND e.originator_version > first
      ${UNIT_OF_EVENT} WHERE ${IS_OWN_AND_OPEN}`;
    return this.#rows(sql, []);
  }

  /** @param from - a table, and what must hold beside */
  #among(from: string, ids: readonly UnitId[]): UnitId[] {
    const sql = `SELECT unit_id FROM daybook_${from} ${IS_AMONG}`;
    return this.#statements.all(sql, joinedIds(ids)).map(([id]) => bytesToUuid(id as Uint8Array));
  }

  #rows(sql: string, parameters: readonly SqliteValue[]): UnitRow[] {
    return this.#statements.all(sql, parameters).map(toUnitRow);
  }
}

/** Whether the server has a unit, as a page has said. */
export function isConfirmed({ position, flags }: UnitRow): boolean {
  return position !== undefined && (flags & FLAG_LOST) === 0;
}

/** Whether others have recorded a unit. */
export function isForeign({ flags }: UnitRow): boolean {
  return (flags & FLAG_FOREIGN) !== 0;
}

/** Whether a unit is there that is own, and on no server as far as is known. */
export function isOpenRow(row: UnitRow | undefined): boolean {
  if (row === undefined || (row.flags & FLAG_FOREIGN) !== 0) return false;
  return row.position === undefined || (row.flags & FLAG_LOST) !== 0;
}

/** Ids as what statements take for a list: their bytes, and the places in them. */
function joinedIds(ids: readonly UnitId[]): [Uint8Array, string] {
  return [joinedBytes(ids.map(uuidToBytes)), JSON.stringify([...ids.keys()])];
}

/** Ids one after another. */
export function joinedBytes(ids: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(ids.length * UUID_BYTES);
  ids.forEach((id, index) => joined.set(id, index * UUID_BYTES));
  return joined;
}

function toUnitRow([place, count, id, flags, position, edition]: SqliteRow): UnitRow {
  return {
    place: place as number,
    count: count as number,
    id: bytesToUuid(id as Uint8Array),
    flags: flags as number,
    position: (position as number | null) ?? undefined,
    edition: bytesToUuid(edition as Uint8Array),
  };
}
