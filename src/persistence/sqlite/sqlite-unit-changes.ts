/**
 * Makes what the journal says of units, in their tables.
 *
 * @module
 */
import { UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import { derivedUnitId } from '../derived-unit-id.js';
import type { CheckedCommit } from '../journal/replica.js';
import type { BootstrapStep, Moving, PageStep, SettingAside, SyncChange, UnitPlace } from '../journal/sync-change.js';
import type { Confirmation, ConfirmedUnit, Unit } from '../unit.js';
import { isRefusedForGood } from '../unit-reasons.js';
import { SqliteAnew } from './sqlite-anew.js';
import { SqliteConfirmedOrder } from './sqlite-confirmed-order.js';
import { statementsOf } from './sqlite-connection.js';
import { SqliteDecisions } from './sqlite-decisions.js';
import type { SqliteDatabase, SqliteValue } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { SqliteMarks } from './sqlite-marks.js';
import { applyRestore } from './sqlite-restoring.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { SqliteTruncation } from './sqlite-truncation.js';
import { flagsOf, fromConfirmation, fromScopes, fromUnit } from './sqlite-unit-codec.js';
import type { SqliteUnitReads } from './sqlite-unit-reads.js';
import { FLAG_COMMUTATIVE, FLAG_FOREIGN, FLAG_LOST, FLAG_REFUSED, joinedBytes } from './sqlite-unit-rows.js';

/** Versions that nobody has: while others take the places of events, and these have no new ones yet. */
const MAKE_WAY_SQL = `UPDATE stored_events SET originator_version = originator_version + (1 << 54)
  WHERE notification_id IN (SELECT e.notification_id FROM json_each(?) AS m
    CROSS JOIN daybook_units AS u ON u.first_id = m.value
    CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events)`;
const MOVE_SQL = `UPDATE stored_events SET originator_version = json_extract(m.value, '$[1]') FROM json_each(?) AS m
  WHERE notification_id = json_extract(m.value, '$[0]')`;
/** What was lost is as if no page had confirmed it. */
const PENDING_AGAIN_SQL = `UPDATE daybook_units SET flags = flags & ${FLAG_COMMUTATIVE}, position = NULL, total = NULL,
  author = NULL, recorded_at_ms = NULL, seal = NULL`;

/** Changes the units of one database. Inside a transaction. */
export class SqliteUnitChanges {
  readonly #statements: SqliteStatements;
  readonly #events: SqliteEventsTable;
  readonly #setAsideEvents: SqliteEventsTable;
  readonly #reads: SqliteUnitReads;
  readonly #decisions: SqliteDecisions;
  readonly #marks: SqliteMarks;
  readonly #anew: SqliteAnew;
  readonly #truncation: SqliteTruncation;
  readonly #order: SqliteConfirmedOrder;

  /** @param database - lent, with the tables of units */
  constructor(database: SqliteDatabase, reads: SqliteUnitReads) {
    this.#statements = statementsOf(database);
    this.#events = new SqliteEventsTable(database);
    this.#setAsideEvents = new SqliteEventsTable(database, 'daybook_set_aside_events');
    this.#reads = reads;
    this.#decisions = new SqliteDecisions(database);
    this.#marks = new SqliteMarks(database);
    this.#anew = new SqliteAnew(database);
    this.#truncation = new SqliteTruncation(database);
    this.#order = new SqliteConfirmedOrder(database);
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
          ...[place, events.length, unit.id, flagsOf(unit), fromScopes(unit.scopes)],
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
    // Without a step it is about what a server has refused, or somebody who asked it has given up.
    const isRefused = ({ reason }: SettingAside): boolean => step === undefined && isRefusedForGood(reason.code);
    for (const setting of setAside) this.#setAside(setting, isRefused(setting) ? FLAG_REFUSED : 0, atMs);
    const places = moved.map(({ place }) => place);
    if (moved.length > 0) this.#run(MAKE_WAY_SQL, [JSON.stringify(places)]);
    if (step !== undefined) this.#take(step, atMs);
    if (moved.length > 0) this.#move(moved);
  }

  #take(step: NonNullable<SyncChange['step']>, atMs: number): void {
    switch (step.kind) {
      case 'page':
        return this.#applyPage(step, atMs);
      case 'decide':
        return this.#decisions.decide(step, atMs);
      case 'discard':
        return this.#decisions.discard(step, atMs);
      case 'restore':
        return applyRestore(this.#statements, this.#events, this.#setAsideEvents, step, atMs);
      case 'anew':
        return this.#anew.begin();
      case 'return':
        for (const unit of step.units) this.#forgetSetAside(unit);
        applyRestore(this.#statements, this.#events, this.#setAsideEvents, step, atMs);
        return this.#anew.returned(step.next);
      case 'rewind':
        return this.#rewind(step.position);
      case 'endHeal':
        return this.#endHeal(atMs);
      case 'truncate':
        return this.#truncation.truncate(step, atMs);
    }
  }

  #rewind(position: number): void {
    this.#run(`UPDATE daybook_units SET flags = flags | ${FLAG_LOST} WHERE position > ?`, [position]);
    this.#marks.dropAfter(position);
    this.#marks.note('bootstrap', undefined);
    this.#decisions.noteRewind(position);
    this.#anew.rewound(position);
    this.#marks.note('rewinds', (this.#marks.noted('rewinds') ?? 0) + 1);
    this.#order.noteRewind();
  }

  #endHeal(atMs: number): void {
    this.#order.noteEndOfHealing();
    this.#run(`DELETE FROM stored_events WHERE notification_id IN (SELECT e.notification_id FROM daybook_units AS u
      CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
      WHERE u.flags > 3 AND u.flags & ${FLAG_FOREIGN})`);
    this.#run(`DELETE FROM daybook_units WHERE flags > 3 AND flags & ${FLAG_FOREIGN}`);
    this.#run(`${PENDING_AGAIN_SQL} WHERE flags > 3`);
    const { position } = this.#marks.newest();
    const withoutBase = this.#truncation.lostAt(position);
    if (withoutBase.length === 0) return;
    this.#truncation.hide(withoutBase, atMs);
    if (position > 0) this.#anew.begin();
  }

  #applyPage(step: PageStep, atMs: number): void {
    for (const { place, ...confirmation } of step.confirmed) this.#confirm(place, confirmation);
    if (step.hidden.length > 0) this.#truncation.hide(step.hidden, atMs);
    for (const place of step.replaced) this.#remove(place);
    const { added, wereHere } = step;
    const wasForeign = wereHere.filter((index) => this.#forgetSetAside(added[index] as ConfirmedUnit));
    this.#events.insertFrom(
      step.firstNotificationId,
      added.flatMap(({ events }) => events),
    );
    let place = step.firstNotificationId;
    const places: UnitPlace[] = [];
    added.forEach((unit, index) => {
      places.push(place);
      // An own one that is seen in part only is nobody's to push again, should the server lose it.
      const isOwn = wereHere.includes(index) && !wasForeign.includes(index) && unit.events.length === unit.total;
      this.#insertConfirmed(place, unit, isOwn ? 0 : FLAG_FOREIGN);
      place += unit.events.length;
    });
    this.#marks.add(step);
    for (const position of step.droppedMarks) this.#marks.drop(position);
    if (step.bootstrap !== undefined) this.#applyBootstrap(step.bootstrap, atMs);
    const replaced = wereHere.map((index) => added[index] as ConfirmedUnit);
    this.#decisions.noteConfirmed([...step.confirmed, ...replaced], step.position);
    this.#anew.goOn(step);
    this.#order.notePage(step, places);
  }

  /** After the events: the first of them is what the log is known by to who follows it. */
  #applyBootstrap({ isEnd, covered, bases }: BootstrapStep, atMs: number): void {
    if (bases.length > 0) this.#truncation.truncate({ bases }, atMs);
    this.#marks.note('bootstrap', isEnd ? undefined : covered);
  }

  #insertConfirmed(place: UnitPlace, unit: ConfirmedUnit, flags: number): void {
    this.#run('INSERT INTO daybook_units VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
      ...[...fromUnit(place, unit, flags), ...fromConfirmation(unit)],
    ]);
  }

  #confirm(place: UnitPlace, confirmation: Confirmation): void {
    this.#run(
      `UPDATE daybook_units SET position = ?, total = ?, author = ?, recorded_at_ms = ?, seal = ?, flags = flags & ${~FLAG_LOST & 7}
        WHERE first_id = ?`,
      [...fromConfirmation(confirmation), place],
    );
  }

  #keepPlaces(place: UnitPlace): void {
    const read = this.#reads.placesOf(place);
    if (read !== undefined) this.#anew.keepPlaces(read.unit.id, read.places);
  }

  #setAside({ place, reason }: SettingAside, flag: number, atMs: number): void {
    this.#run(
      `INSERT INTO daybook_set_aside SELECT first_id, events, unit_id, flags | ?, scopes, edition, ?, ?, ?
        FROM daybook_units WHERE first_id = ?`,
      [flag, reason.code, reason.message, atMs, place],
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
      // Of what a server has lost: it is another one now, which it never had.
      this.#run(`${PENDING_AGAIN_SQL} WHERE first_id = ? AND flags > 3`, [place]);
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

  #run(sql: string, parameters: readonly SqliteValue[] = []): void {
    this.#statements.run(sql, parameters);
  }
}
