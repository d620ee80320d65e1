/**
 * The order in which units were confirmed here, for those who follow what is confirmed: a number for each event, given once
 * and never again, whatever becomes of the server's log.
 *
 * ```text
 * daybook_confirmed   id: the number of the unit's last event; those before it follow without gaps
 *                     first_id: the unit, in `daybook_units`; of one that has left, nothing
 * daybook_returning   numbers of others' units that the server has lost, by their editions, while they are not here
 * ```
 *
 * What a server has confirmed once keeps its numbers, also when it loses that: so nobody who reacts meets it twice, and who
 * has not come to it yet still does.
 *
 * As long as a log is not set back, and no other part of it is to be seen, the order is the server's. Where it is not any
 * more, or something has left it, the *era* says so: a view that is to be in the server's order is made anew then, by
 * positions (`unit-order.ts` in `persistence/sql/`).
 *
 * @module
 */
import type { PageStep, UnitPlace } from '../journal/sync-change.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteValue } from './sqlite-driver.js';
import { SqliteMarks } from './sqlite-marks.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { FLAG_FOREIGN } from './sqlite-unit-rows.js';

const CREATE_SQL = `
CREATE TABLE daybook_confirmed (id INTEGER PRIMARY KEY, first_id INTEGER NOT NULL);
CREATE TABLE daybook_returning (edition BLOB PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO daybook_confirmed SELECT sum(events) OVER (ORDER BY position), first_id FROM daybook_units
  WHERE position IS NOT NULL;`;

const EDITION = 'coalesce(u.edition, u.unit_id)';
/** Those of some units that had numbers before, and come back as they were. */
const RETURNING_SQL = `FROM json_each(?) AS m CROSS JOIN daybook_units AS u ON u.first_id = m.value
  CROSS JOIN daybook_returning AS r ON r.edition = ${EDITION}`;

/** Numbers what is confirmed in one database. Inside a transaction. */
export class SqliteConfirmedOrder {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #marks: SqliteMarks;

  /** @param database - lent, with the tables of units */
  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#marks = new SqliteMarks(database);
  }

  /** Creates the tables where they are missing: what is confirmed already has the order of the server's log. */
  createTables(): void {
    const isThere = this.#statements.number("SELECT 1 FROM sqlite_schema WHERE name = 'daybook_confirmed'", []);
    if (isThere === undefined) this.#database.exec(CREATE_SQL);
  }

  /** Takes that a page was applied. @param added - the units that it has added, by their places */
  notePage({ anew, confirmed, hidden, bootstrap }: PageStep, added: readonly UnitPlace[]): void {
    const all = [...confirmed.map(({ place }) => place), ...added];
    const numbered = new Set([...this.#takeReturned(added), ...this.#numbered(anew, confirmed)]);
    const places = numbered.size === 0 ? all : all.filter((place) => !numbered.has(place));
    this.#run(
      `INSERT INTO daybook_confirmed SELECT ? + sum(events) OVER (ORDER BY position), first_id FROM daybook_units
        WHERE first_id IN (SELECT value FROM json_each(?))`,
      [this.#last(), JSON.stringify(places)],
    );
    // Parts of a bootstrap are in the order of the aggregates.
    const isOther = hidden.length > 0 || bootstrap?.isEnd === true;
    if (numbered.size > 0 || isOther || (anew !== 'no' && added.length > 0)) this.#beginEra();
  }

  /** Takes that what is after a position is lost. Whoever has not come to it yet still does: the server had it. */
  noteRewind(): void {
    this.#beginEra();
  }

  /** Takes that what is lost is about to be pending again, or to leave. */
  noteEndOfHealing(): void {
    this.#marks.note('confirmed', this.#last());
    const lost = `FROM daybook_units AS u CROSS JOIN daybook_confirmed AS c ON c.first_id = u.first_id
      WHERE u.flags > 3 AND u.flags & ${FLAG_FOREIGN}`;
    this.#run(`INSERT OR REPLACE INTO daybook_returning SELECT ${EDITION}, c.id ${lost}`, []);
    this.#run(`DELETE FROM daybook_confirmed WHERE id IN (SELECT c.id ${lost})`, []);
    this.#beginEra();
  }

  /** Own units that have been confirmed before. Looked for only where there may be some: that takes a while. */
  #numbered(anew: PageStep['anew'], confirmed: PageStep['confirmed']): readonly UnitPlace[] {
    if (anew === 'no' && this.#marks.noted('era') === undefined) return [];
    // Who never goes back needs no index.
    this.#database.exec('CREATE INDEX IF NOT EXISTS daybook_confirmed_first ON daybook_confirmed (first_id)');
    const sql = 'SELECT first_id FROM daybook_confirmed WHERE first_id IN (SELECT value FROM json_each(?))';
    const parameters = [JSON.stringify(confirmed.map(({ place }) => place))];
    return this.#statements.all(sql, parameters).map(([place]) => place as UnitPlace);
  }

  /** Others' units that have been confirmed before, and have come back as they were. */
  #takeReturned(places: readonly UnitPlace[]): readonly UnitPlace[] {
    if (this.#statements.number('SELECT 1 FROM daybook_returning LIMIT 1', []) === undefined) return [];
    const parameters = [JSON.stringify(places)];
    const returned = this.#statements.all(`SELECT u.first_id ${RETURNING_SQL}`, parameters);
    if (returned.length === 0) return [];
    this.#run(`INSERT INTO daybook_confirmed SELECT r.id, u.first_id ${RETURNING_SQL}`, parameters);
    this.#run(`DELETE FROM daybook_returning WHERE edition IN (SELECT ${EDITION} ${RETURNING_SQL})`, parameters);
    return returned.map(([place]) => place as UnitPlace);
  }

  #beginEra(): void {
    this.#marks.note('era', (this.#marks.noted('era') ?? 0) + 1);
  }

  /** The largest number that was ever given. */
  #last(): number {
    const last = this.#statements.number('SELECT max(id) FROM daybook_confirmed', []) ?? 0;
    return Math.max(last, this.#marks.noted('confirmed') ?? 0);
  }

  #run(sql: string, parameters: readonly SqliteValue[]): void {
    this.#statements.run(sql, parameters);
  }
}
