/**
 * What decided units, and what became of those that were decided again, in tables beside the units' own.
 *
 * @module
 */
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { DecideStep, DiscardStep, UnitPlace } from '../journal/sync-change.js';
import type { PendingUnit, UnitId } from '../unit.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteValue } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { FATES_KEPT_IDS, FATES_KEPT_MS, forgetLeft, noteLeft } from './sqlite-left.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { fromUnit, INSERT_PENDING_SQL } from './sqlite-unit-codec.js';

// So far behind the end of the log a server may be set back, and what it loses can be decided again.
const COMMANDS_KEPT_POSITIONS = 10_000;
/** Of a unit without a command, too: how often it was decided bounds how often it is, and its events' ids follow from it. */
const COUNT_ATTEMPT_SQL = `INSERT INTO daybook_commands (unit_id, command, attempts) VALUES (?, x'', 1)
  ON CONFLICT (unit_id) DO UPDATE SET attempts = attempts + 1`;

const ASIDE_EVENTS = `notification_id >= ?1
  AND notification_id < ?1 + (SELECT events FROM daybook_set_aside WHERE first_id = ?1)`;

/** The tables of decisions in one database. */
export class SqliteDecisions {
  readonly #statements: SqliteStatements;
  readonly #events: SqliteEventsTable;

  /** @param database - lent, with the tables of units */
  constructor(database: SqliteDatabase) {
    this.#statements = statementsOf(database);
    this.#events = new SqliteEventsTable(database);
  }

  /** Keeps what decided a unit. */
  keepCommand(id: Uint8Array, command: Uint8Array): void {
    this.#run(
      `INSERT INTO daybook_commands (unit_id, command, attempts) VALUES (?, ?, 0)
        ON CONFLICT (unit_id) DO UPDATE SET command = excluded.command`,
      [id, command],
    );
  }

  /** The unit that an event was of before it was decided again, or withdrawn, or before it left. */
  wasAt(place: UnitPlace): UnitId | undefined {
    for (const table of ['daybook_superseded', 'daybook_left']) {
      const sql = `SELECT unit_id FROM ${table}
        WHERE first_id = (SELECT max(first_id) FROM ${table} WHERE first_id <= ?1) AND first_id + events > ?1`;
      const [row] = this.#statements.all(sql, [place]);
      if (row !== undefined) return bytesToUuid(row[0] as Uint8Array);
    }
    return undefined;
  }

  /**
   * Takes that a page has own units, and how far the store is: what is far behind needs its command no more.
   *
   * @param units - by their ids, or by their places
   */
  noteConfirmed(
    units: readonly ({ readonly position: number } & ({ readonly id: UnitId } | { readonly place: UnitPlace }))[],
    position: number,
  ): void {
    if (!this.#hasRows('daybook_commands')) return;
    for (const unit of units) {
      const which = 'id' in unit ? '?2' : '(SELECT unit_id FROM daybook_units WHERE first_id = ?2)';
      const key = 'id' in unit ? uuidToBytes(unit.id) : unit.place;
      this.#run(`UPDATE daybook_commands SET position = ?1 WHERE unit_id = ${which}`, [unit.position, key]);
    }
    this.#run('DELETE FROM daybook_commands WHERE position <= ?', [position - COMMANDS_KEPT_POSITIONS]);
  }

  /** Takes that what stood after a position is not confirmed any more. */
  noteRewind(position: number): void {
    this.#run('UPDATE daybook_commands SET position = NULL WHERE position > ?', [position]);
  }

  /** Makes a decision. Inside a transaction. */
  decide(step: DecideStep, atMs: number): void {
    for (const { place, reason } of step.kept) {
      this.#run('UPDATE daybook_set_aside SET code = ?, message = ? WHERE first_id = ?', [
        ...[reason.code, reason.message, place],
      ]);
    }
    for (const place of step.withdrawn) this.#forgetCommand(place);
    // Before they leave: some have another id by now, and take with them what decided them.
    step.replaced.forEach((place, index) => this.#renameCommand(place, (step.units[index] as PendingUnit).id));
    for (const place of [...step.withdrawn, ...step.replaced]) this.#supersede(place, atMs);
    let place = step.firstNotificationId;
    this.#events.insertFrom(
      place,
      step.units.flatMap(({ events }) => events),
    );
    for (const unit of step.units) {
      this.#run(INSERT_PENDING_SQL, fromUnit(place, unit));
      this.#run(COUNT_ATTEMPT_SQL, [uuidToBytes(unit.id)]);
      place += unit.events.length;
    }
    for (const { index, command } of step.commands ?? []) {
      this.keepCommand(uuidToBytes((step.units[index] as PendingUnit).id), command);
    }
    if (!this.#hasRows('daybook_superseded')) return;
    const before = [atMs - FATES_KEPT_MS, FATES_KEPT_IDS];
    const isOld = `first_id <= (SELECT max(first_id) FROM daybook_superseded) - ?2 AND superseded_at_ms < ?1`;
    this.#run(
      `DELETE FROM daybook_superseded_events WHERE notification_id IN (SELECT e.notification_id
        FROM daybook_superseded AS u CROSS JOIN daybook_superseded_events AS e
        ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
        WHERE u.${isOld})`,
      before,
    );
    this.#run(`DELETE FROM daybook_superseded WHERE ${isOld}`, before);
  }

  /** Gives up what was set aside. Inside a transaction. */
  discard({ places }: DiscardStep, atMs: number): void {
    for (const place of places) {
      noteLeft(this.#statements, 'daybook_set_aside', place, atMs);
      this.#forgetCommand(place);
      this.#removeAside(place);
    }
  }

  #renameCommand(place: UnitPlace, id: UnitId): void {
    this.#run(
      `UPDATE OR REPLACE daybook_commands SET unit_id = ?2, attempts = 0, position = NULL WHERE unit_id <> ?2
        AND unit_id = (SELECT unit_id FROM daybook_set_aside WHERE first_id = ?1)`,
      [place, uuidToBytes(id)],
    );
  }

  #forgetCommand(place: UnitPlace): void {
    this.#run(
      'DELETE FROM daybook_commands WHERE unit_id = (SELECT unit_id FROM daybook_set_aside WHERE first_id = ?)',
      [place],
    );
  }

  #supersede(place: UnitPlace, atMs: number): void {
    this.#run(
      `INSERT INTO daybook_superseded SELECT first_id, events, unit_id, code, message, ?2
        FROM daybook_set_aside WHERE first_id = ?1`,
      [place, atMs],
    );
    this.#run(`INSERT INTO daybook_superseded_events SELECT * FROM daybook_set_aside_events WHERE ${ASIDE_EVENTS}`, [
      place,
    ]);
    forgetLeft(this.#statements, place);
    this.#removeAside(place);
  }

  #removeAside(place: UnitPlace): void {
    this.#run(`DELETE FROM daybook_set_aside_events WHERE ${ASIDE_EVENTS}`, [place]);
    this.#run('DELETE FROM daybook_set_aside WHERE first_id = ?', [place]);
  }

  #hasRows(table: string): boolean {
    return this.#statements.number(`SELECT 1 FROM ${table} LIMIT 1`, []) !== undefined;
  }

  #run(sql: string, parameters: readonly SqliteValue[]): void {
    this.#statements.run(sql, parameters);
  }
}
