/**
 * The units of a store, in tables beside its events (`sqlite-schema.ts`).
 *
 * @module
 */
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import { derivedUnitId } from '../derived-unit-id.js';
import type { CheckedCommit } from '../journal/replica.js';
import type { Moving, PageStep, SettingAside, SyncChange, UnitPlace } from '../journal/sync-change.js';
import type { PlannedChange, UnitsHere, UnitTables } from '../journal/unit-tables.js';
import type { Notification, NotificationId, StoredEvent } from '../stored-event.js';
import { CURSOR_START, OUT_OF_SCOPE } from '../unit.js';
import type {
  Confirmation,
  ConfirmedUnit,
  Cursor,
  EditionId,
  LostUnit,
  PendingUnit,
  Unit,
  UnitId,
  UnitPage,
} from '../unit.js';
import type {
  DecidedUnit,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  SyncProgress,
  UnitLimits,
  UnitStanding,
} from '../unit-recorder.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteRow, SqliteValue } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { SqliteAnew } from './sqlite-anew.js';
import { SqliteDecisions } from './sqlite-decisions.js';
import { CREATE_DECISIONS_SQL, CREATE_UNITS_SQL } from './sqlite-schema.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { applyRestore } from './sqlite-restoring.js';
import { SqliteSuperseding } from './sqlite-superseding.js';
import { planEndHeal, planFollowAnew, planPage, planRewind, planSetAside, standing } from './sqlite-sync-plan.js';
import type { Mark, PlanningState } from './sqlite-sync-plan.js';
import {
  FLAG_COMMUTATIVE,
  FLAG_FOREIGN,
  FLAG_LOST,
  isOpenRow,
  joinedBytes,
  SqliteUnitRows,
} from './sqlite-unit-rows.js';

// Rows that are read at once when a store gets its units: bounds memory.
const ROWS_DERIVED = 1_000;

// Where no log has a mark.
const REWINDS_AT = -1;

const UNIT = 'u.first_id, u.events, u.unit_id, u.flags, u.scopes, u.edition';
const CONFIRMATION = 'u.position, u.total, u.author, u.recorded_at_ms, u.seal';
/** What limits of bytes count. */
const bytesOf = (events: string): string => `(SELECT total(length(topic) + length(state)) FROM ${events}
  WHERE notification_id >= u.first_id AND notification_id < u.first_id + u.events)`;

/** Versions that nobody has: while others take the places of events, and these have no new ones yet. */
const MAKE_WAY_SQL = `UPDATE stored_events SET originator_version = originator_version + (1 << 54)
  WHERE notification_id IN (SELECT e.notification_id FROM json_each(?) AS m
    CROSS JOIN daybook_units AS u ON u.first_id = m.value
    CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events)`;
const MOVE_SQL = `UPDATE stored_events SET originator_version = json_extract(m.value, '$[1]') FROM json_each(?) AS m
  WHERE notification_id = json_extract(m.value, '$[0]')`;

/** Where units are, and what is said of each there: flags, position, reason. */
const STANDINGS = [
  ['daybook_units', 'flags, position, NULL, NULL'],
  ['daybook_set_aside', 'flags, NULL, code, message'],
  ['daybook_superseded', '-1, NULL, code, message'],
] as const;

// What may be pending again, with what follows on it, and what it stood on. In one record, and so in one piece of work that
// a commit waits for.
const RETURN_SLICE: UnitLimits = { eventsMax: 500, bytesMax: 1024 * 1024 };
const RETURNING_SQL = `SELECT ${UNIT}, p.after FROM daybook_set_aside AS u
  CROSS JOIN daybook_aside_places AS p ON p.unit_id = u.unit_id
  WHERE u.first_id > ? AND u.code IN ('${OUT_OF_SCOPE}', 'DEPENDENCY') ORDER BY u.first_id`;

/** A row of those that begin with {@link UNIT}. */
interface ReadUnit {
  readonly place: UnitPlace;
  readonly count: number;
  readonly unit: Omit<Unit, 'events'>;
  readonly rest: SqliteRow;
}

interface ReadEvents extends ReadUnit {
  readonly events: readonly StoredEvent[];
}

/** The tables of units in one database, beside the events of it. */
export class SqliteUnits implements UnitTables {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #events: SqliteEventsTable;
  readonly #setAsideEvents: SqliteEventsTable;
  readonly #rows: SqliteUnitRows;
  readonly #decisions: SqliteDecisions;
  readonly #superseding: SqliteSuperseding;
  readonly #anew: SqliteAnew;

  /** @param database - lent, with a table `stored_events` */
  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#events = new SqliteEventsTable(database);
    this.#setAsideEvents = new SqliteEventsTable(database, 'daybook_set_aside_events');
    this.#rows = new SqliteUnitRows(database);
    this.#decisions = new SqliteDecisions(database);
    this.#superseding = new SqliteSuperseding(database, {
      ...{ rows: this.#rows, events: this.#events },
      apply: (change) => this.apply(change),
      placeOf: (event) => this.#editionBefore(event),
      selectSetAside: (after, limits, which) => this.selectSetAside(after, limits, which),
    });
    this.#anew = new SqliteAnew(database);
  }

  /** Creates the tables where they are missing: events that were there before are units with derived ids. */
  createTables(): void {
    this.#database.exec(CREATE_DECISIONS_SQL);
    if (this.#number("SELECT 1 FROM sqlite_schema WHERE name = 'daybook_units'") !== undefined) return;
    this.#database.exec(CREATE_UNITS_SQL);
    for (let start = 1; ;) {
      const events = this.#events.selectNotifications({ start, limit: ROWS_DERIVED });
      this.insert(events.map((event) => ({ events: [event], firstNotificationId: event.id, tracking: undefined })));
      if (events.length < ROWS_DERIVED) return;
      start = (events.at(-1) as { readonly id: NotificationId }).id + 1;
    }
  }

  hasUnit(id: UnitId): boolean {
    return this.#rows.byIds([id]).size + this.#rows.setAsideOf([id]).size > 0;
  }

  /** Inserts the units of commits whose events are there. */
  insert(commits: readonly CheckedCommit[]): void {
    const places: UnitPlace[] = [];
    const ids: Uint8Array[] = [];
    const addPlain = (place: UnitPlace, id: Uint8Array): void => {
      places.push(place);
      ids.push(id);
    };
    for (const { events, firstNotificationId: place, unit } of commits) {
      if (unit?.command !== undefined) this.#decisions.keepCommand(unit.id, unit.command);
      if (unit === undefined)
        events.forEach((event, index) => addPlain(place + index, uuidToBytes(derivedUnitId(event))));
      else if (events.length === 1 && !unit.isCommutative && unit.scopes.length === 0) addPlain(place, unit.id);
      else if (events.length > 0) {
        this.#run('INSERT INTO daybook_units (first_id, events, unit_id, flags, scopes) VALUES (?, ?, ?, ?, ?)', [
          ...[place, events.length, unit.id, flagsOf(unit), scopesText(unit)],
        ]);
      }
    }
    if (places.length === 0) return;
    // One statement for the many that are alike: each value that goes in takes a call.
    this.#run(
      `INSERT INTO daybook_units (first_id, events, unit_id, flags)
        SELECT value, 1, substr(?, key * ${UUID_BYTES} + 1, ${UUID_BYTES}), 0 FROM json_each(?)`,
      [joinedBytes(ids), JSON.stringify(places)],
    );
  }

  /** Makes a change. Inside a transaction. */
  apply({ atMs, setAside, moved = [], step }: SyncChange): void {
    // Before any of them leaves: they stand on one another.
    for (const { place } of setAside) this.#keepPlaces(place);
    for (const setting of setAside) this.#setAside(setting, atMs);
    const places = moved.map(({ place }) => place);
    if (moved.length > 0) this.#run(MAKE_WAY_SQL, [JSON.stringify(places)]);
    if (step?.kind === 'page') this.#applyPage(step);
    else if (step?.kind === 'decide') this.#decisions.decide(step, atMs);
    else if (step?.kind === 'discard') this.#decisions.discard(step);
    else if (step?.kind === 'restore') applyRestore(this.#statements, this.#events, this.#setAsideEvents, step, atMs);
    else if (step?.kind === 'anew') this.#anew.begin();
    else if (step?.kind === 'return') {
      for (const unit of step.units) this.#forgetSetAside(unit);
      applyRestore(this.#statements, this.#events, this.#setAsideEvents, step, atMs);
      this.#anew.returned(step.next);
    } else if (step?.kind === 'rewind') {
      this.#run(`UPDATE daybook_units SET flags = flags | ${FLAG_LOST} WHERE position > ?`, [step.position]);
      this.#run('DELETE FROM daybook_marks WHERE position > ?', [step.position]);
      this.#decisions.noteRewind(step.position);
      this.#anew.rewound(step.position);
      this.#run(`INSERT INTO daybook_marks VALUES (${REWINDS_AT}, '1')
        ON CONFLICT (position) DO UPDATE SET cursor = cursor + 1`);
    } else if (step?.kind === 'endHeal') {
      this.#run(`DELETE FROM stored_events WHERE notification_id IN (SELECT e.notification_id FROM daybook_units AS u
        CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
        WHERE u.flags > 3 AND u.flags & ${FLAG_FOREIGN})`);
      this.#run(`DELETE FROM daybook_units WHERE flags > 3 AND flags & ${FLAG_FOREIGN}`);
      this.#run(`UPDATE daybook_units SET flags = flags & ${FLAG_COMMUTATIVE}, position = NULL, total = NULL,
        author = NULL, recorded_at_ms = NULL, seal = NULL WHERE flags > 3`);
    }
    if (moved.length > 0) this.#move(moved);
  }

  progress(): SyncProgress {
    const marks = this.#marks();
    const anewAt = this.#anew.at();
    const [row] = this.#statements.all(
      `SELECT count(*), total(events),
        (SELECT count(*) FROM daybook_units WHERE flags > 3), (SELECT count(*) FROM daybook_set_aside)
        FROM daybook_units WHERE position IS NULL`,
      [],
    );
    const [pendingUnits, pendingEvents, lostUnits, setAsideUnits] = row as [number, number, number, number];
    return {
      ...standing({ marks, anewAt }),
      held: anewAt === undefined ? [] : marks.slice(0, 1).map(({ cursor }) => cursor),
      marks: [...marks.map(({ cursor }) => cursor), CURSOR_START],
      ...{ pendingUnits, pendingEvents, lostUnits, setAsideUnits, rewinds: this.#rewinds() },
    };
  }

  selectPending(after: NotificationId, limits: UnitLimits): PendingUnit[] {
    const sql = `SELECT ${UNIT} FROM daybook_units AS u WHERE u.position IS NULL AND u.first_id > ? ORDER BY u.first_id`;
    return this.#placed(sql, after, limits).map(({ place, unit, events, places }) => ({
      ...unit,
      events,
      firstNotificationId: place,
      after: places,
    }));
  }

  selectLost(after: number, limits: UnitLimits): LostUnit[] {
    const sql = `SELECT ${UNIT}, ${CONFIRMATION} FROM daybook_units AS u
      WHERE u.flags > 3 AND u.position > ? ORDER BY u.position`;
    return this.#placed(sql, after, limits).map(({ unit, events, rest, places }) => ({
      ...unit,
      events,
      ...toConfirmation(rest),
      after: places,
    }));
  }

  selectSetAside(after: NotificationId, limits: UnitLimits, which = ''): SetAsideUnit[] {
    const sql = `SELECT ${UNIT}, u.code, u.message, u.set_aside_at_ms, c.command, c.attempts FROM daybook_set_aside AS u
      LEFT JOIN daybook_commands AS c ON c.unit_id = u.unit_id WHERE u.first_id > ?${which} ORDER BY u.first_id`;
    return this.#select(sql, after, limits, this.#setAsideEvents).map(({ place, unit, events, rest }) => {
      const [code, message, setAsideAtMs, command, attempts] = rest as [string, string, number, Uint8Array?, number?];
      const reason = { code, message };
      const kept = { command: command ?? undefined, attempts: attempts ?? 0 };
      return { ...unit, events, firstNotificationId: place, reason, setAsideAtMs, ...kept };
    });
  }

  selectSuperseded(ids: readonly UnitId[] | undefined): Superseded {
    return this.#superseding.select(ids);
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
      const id = this.#decisions.supersededAt(key);
      if (id !== undefined) return this.#find(id);
    }
    for (const [table, rest] of STANDINGS) {
      const sql = `SELECT unit_id, first_id, ${rest} FROM ${table} WHERE ${which.replace('TABLE', table)}`;
      const [row] = this.#statements.all(sql, [isPlace ? key : uuidToBytes(key)]);
      if (row !== undefined) return toStanding(row);
    }
    return undefined;
  }

  planPage(page: UnitPage, nowMs: number, options: InsertPageOptions = {}): PlannedChange<PageOutcome> {
    const state = this.#state();
    const planned = planPage(state, page, nowMs, options.ownOnly);
    if (!planned.outcome.isStored) return planned;
    return this.#superseding.planPage(planned, options, standing(state).position, nowMs);
  }

  planDecide(decided: readonly DecidedUnit[], nowMs: number): PlannedChange<boolean> {
    return this.#superseding.planDecide(decided, nowMs);
  }

  planDiscard(ids: readonly UnitId[], nowMs: number): PlannedChange<readonly UnitId[]> {
    return this.#superseding.planDiscard(ids, nowMs);
  }

  planSetAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
    nowMs: number,
  ): PlannedChange<readonly UnitId[]> {
    return planSetAside(this.#state(), refused, nowMs);
  }

  planRewind(cursor: Cursor, nowMs: number): PlannedChange<boolean> {
    return planRewind(this.#state(), cursor, nowMs);
  }

  planFollowAnew(asked: Cursor, nowMs: number): PlannedChange<boolean> {
    return planFollowAnew(this.#state(), asked, nowMs);
  }

  planReturn(nowMs: number): PlannedChange<boolean> {
    const asideAfter = (place: UnitPlace): readonly ReadEvents[] =>
      this.#select(RETURNING_SQL, place, RETURN_SLICE, this.#setAsideEvents);
    return this.#anew.planReturn({ ...this.#state(), asideAfter, placeOf: (event) => this.placeOf(event) }, nowMs);
  }

  planEndHeal(healing: EndOfHealing, nowMs: number): PlannedChange<boolean> {
    return planEndHeal(this.#state(), healing, nowMs);
  }

  openIds(): UnitId[] {
    const sql =
      'SELECT unit_id FROM daybook_units WHERE position IS NULL UNION ALL SELECT unit_id FROM daybook_set_aside';
    return this.#statements.all(sql, []).map(([id]) => bytesToUuid(id as Uint8Array));
  }

  unitsHere(ids: readonly UnitId[]): UnitsHere {
    const [rows, aside] = [this.#rows.byIds(ids), this.#rows.setAsideOf(ids)];
    const isOpen = (id: UnitId): boolean => aside.has(id) || isOpenRow(rows.get(id));
    const known = new Set([...rows.keys(), ...aside.keys()]);
    return { known, open: new Set([...known].filter(isOpen)) };
  }

  placeOf(event: StoredEvent): EditionId | undefined {
    return this.#editionBefore(event);
  }

  #state(): PlanningState {
    return {
      rows: this.#rows,
      marks: this.#marks(),
      anewAt: this.#anew.at(),
      rewinds: this.#rewinds(),
      isHealing: this.#number('SELECT 1 FROM daybook_units WHERE flags > 3 LIMIT 1') !== undefined,
      maxNotificationId: this.#events.maxNotificationId(),
      maxVersions: (originatorIds) => this.#events.maxOriginatorVersions(originatorIds),
      eventsOf: (units) => eventsOf(this.#events, units),
    };
  }

  #applyPage(step: PageStep): void {
    this.#anew.hide(step.hidden);
    for (const place of step.replaced) this.#remove(place);
    for (const { place, ...confirmation } of step.confirmed) this.#confirm(place, confirmation);
    const { added, wereHere } = step;
    const wasForeign = wereHere.filter((index) => this.#forgetSetAside(added[index] as ConfirmedUnit));
    this.#events.insertFrom(
      step.firstNotificationId,
      added.flatMap(({ events }) => events),
    );
    let place = step.firstNotificationId;
    added.forEach((unit, index) => {
      this.#insertConfirmed(place, unit, wereHere.includes(index) && !wasForeign.includes(index) ? 0 : FLAG_FOREIGN);
      place += unit.events.length;
    });
    this.#run('INSERT OR REPLACE INTO daybook_marks VALUES (?, ?)', [step.position, step.cursor]);
    for (const position of step.droppedMarks) this.#run('DELETE FROM daybook_marks WHERE position = ?', [position]);
    const replaced = wereHere.map((index) => added[index] as ConfirmedUnit);
    this.#decisions.noteConfirmed([...step.confirmed, ...replaced], step.position);
    this.#anew.goOn(step);
  }

  #insertConfirmed(place: UnitPlace, unit: ConfirmedUnit, flags: number): void {
    this.#run('INSERT INTO daybook_units VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
      ...[place, unit.events.length, uuidToBytes(unit.id), flagsOf(unit) | flags, scopesText(unit)],
      unit.edition === undefined ? null : uuidToBytes(unit.edition),
      ...fromConfirmation(unit),
    ]);
  }

  #confirm(place: UnitPlace, confirmation: Confirmation): void {
    this.#run(
      'UPDATE daybook_units SET position = ?, total = ?, author = ?, recorded_at_ms = ?, seal = ? WHERE first_id = ?',
      [...fromConfirmation(confirmation), place],
    );
  }

  #keepPlaces(place: UnitPlace): void {
    const sql = `SELECT ${UNIT} FROM daybook_units AS u WHERE u.first_id > ? ORDER BY u.first_id`;
    const [read] = this.#placed(sql, place - 1, { eventsMax: 1, bytesMax: 1 });
    if (read !== undefined) this.#anew.keepPlaces(read.unit.id, read.places);
  }

  #setAside({ place, reason }: SettingAside, atMs: number): void {
    this.#run(
      `INSERT INTO daybook_set_aside SELECT first_id, events, unit_id, flags, scopes, edition, ?, ?, ?
        FROM daybook_units WHERE first_id = ?`,
      [reason.code, reason.message, atMs, place],
    );
    this.#run(
      `INSERT INTO daybook_set_aside_events SELECT * FROM stored_events
        WHERE notification_id >= ?1 AND notification_id < ?1 + (SELECT events FROM daybook_units WHERE first_id = ?1)`,
      [place],
    );
    this.#remove(place);
  }

  /** Gives versions to events that have made way. */
  #move(moved: readonly Moving[]): void {
    const versions = moved.flatMap((moving) =>
      moving.versions.map((version, index) => [moving.place + index, version]),
    );
    this.#run(MOVE_SQL, [JSON.stringify(versions)]);
    for (const { place, edition } of moved) {
      const bytes = edition === undefined ? null : uuidToBytes(edition);
      this.#run('UPDATE daybook_units SET edition = ? WHERE first_id = ?', [bytes, place]);
    }
  }

  #remove(place: UnitPlace): void {
    this.#run(
      `DELETE FROM stored_events
        WHERE notification_id >= ?1 AND notification_id < ?1 + (SELECT events FROM daybook_units WHERE first_id = ?1)`,
      [place],
    );
    this.#run('DELETE FROM daybook_units WHERE first_id = ?', [place]);
  }

  /** A page has it. @returns whether others had recorded it */
  #forgetSetAside({ id }: Pick<Unit, 'id'>): boolean {
    const parameters = [uuidToBytes(id)];
    const sql = `SELECT flags & ${FLAG_FOREIGN} FROM daybook_set_aside WHERE unit_id = ?`;
    const isForeign = (this.#statements.number(sql, parameters) ?? 0) > 0;
    this.#run(
      `DELETE FROM daybook_set_aside_events WHERE notification_id IN
        (SELECT e.notification_id FROM daybook_set_aside AS u CROSS JOIN daybook_set_aside_events AS e
          ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events WHERE u.unit_id = ?)`,
      parameters,
    );
    this.#run('DELETE FROM daybook_set_aside WHERE unit_id = ?', parameters);
    return isForeign;
  }

  #marks(): Mark[] {
    return this.#statements
      .all('SELECT position, cursor FROM daybook_marks WHERE position > 0 ORDER BY position DESC', [])
      .map(([position, cursor]) => ({ position: position as number, cursor: cursor as string }));
  }

  #rewinds(): number {
    return this.#number(`SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = ${REWINDS_AT}`) ?? 0;
  }

  /** With the units before, for each aggregate of each. */
  #placed(
    sql: string,
    after: number,
    limits: UnitLimits,
  ): (ReadEvents & { readonly places: readonly (EditionId | undefined)[] })[] {
    const before = new Map<string, EditionId>();
    return this.#select(sql, after, limits).map((read) => {
      const seen = new Set<string>();
      const places: (EditionId | undefined)[] = [];
      for (const event of read.events) {
        const { originatorId, originatorVersion } = event;
        if (!seen.has(originatorId)) {
          seen.add(originatorId);
          places.push(before.get(`${originatorId}:${originatorVersion - 1}`) ?? this.#editionBefore(event));
        }
        // Most often it is among those that are read with it.
        before.set(`${originatorId}:${originatorVersion}`, read.unit.edition ?? read.unit.id);
      }
      return { ...read, places };
    });
  }

  /** The edition that has the version before an event's. */
  #editionBefore({ originatorId, originatorVersion }: StoredEvent): EditionId | undefined {
    const sql = `SELECT coalesce(edition, unit_id) FROM daybook_units WHERE first_id <= (SELECT notification_id FROM stored_events
      WHERE originator_id = ? AND originator_version < ? ORDER BY originator_version DESC LIMIT 1)
      ORDER BY first_id DESC LIMIT 1`;
    const [row] = this.#statements.all(sql, [uuidToBytes(originatorId), originatorVersion]);
    return row === undefined ? undefined : bytesToUuid(row[0] as Uint8Array);
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

  #run(sql: string, parameters: readonly SqliteValue[] = []): void {
    this.#statements.run(sql, parameters);
  }

  #number(sql: string): number | undefined {
    return this.#statements.number(sql, []);
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

function toReadUnit([place, count, id, flags, scopes, edition, ...rest]: SqliteRow): ReadUnit {
  return {
    place: place as number,
    count: count as number,
    unit: {
      id: bytesToUuid(id as Uint8Array),
      ...(edition === null ? {} : { edition: bytesToUuid(edition as Uint8Array) }),
      isCommutative: ((flags as number) & FLAG_COMMUTATIVE) !== 0,
      scopes: scopes === null ? [] : (JSON.parse(scopes as string) as string[]),
    },
    rest,
  };
}

function toConfirmation([position, total, author, recordedAtMs, seal]: SqliteRow): Confirmation {
  return {
    position: position as number,
    total: total as number,
    // Some drivers have no empty blob.
    origin: {
      author: author as string,
      recordedAtMs: recordedAtMs as number,
      seal: (seal as Uint8Array | null) ?? new Uint8Array(0),
    },
  };
}

function toStanding([id, place, flags, position, code, message]: SqliteRow): UnitStanding {
  const state = (flags as number) >= FLAG_LOST ? 'lost' : position === null ? 'pending' : 'confirmed';
  const gone = (flags as number) < 0 ? 'withdrawn' : 'setAside';
  return {
    id: bytesToUuid(id as Uint8Array),
    firstNotificationId: place as number,
    state: code === null ? state : gone,
    position: (position as number | null) ?? undefined,
    reason: code === null ? undefined : { code: code as string, message: message as string },
  };
}

function fromConfirmation({ position, total, origin }: Confirmation): SqliteValue[] {
  return [position, total, origin.author, origin.recordedAtMs, origin.seal];
}

function flagsOf({ isCommutative }: Pick<Unit, 'isCommutative'>): number {
  return isCommutative ? FLAG_COMMUTATIVE : 0;
}

/** None is NULL: it is so in nearly every row. */
function scopesText({ scopes }: Pick<Unit, 'scopes'>): string | null {
  return scopes.length === 0 ? null : JSON.stringify(scopes);
}
