/**
 * Where a store stands in the server's log, and the little that is known of its way (`daybook_marks`).
 *
 * @module
 */
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import type { Mark } from './sqlite-planning-state.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** Numbers that are kept where no log has a mark. */
export const NOTED = {
  /** How often the store went back. */
  rewinds: -1,
  /** While the store follows the log anew: the position of the mark that it has come to, 0 at the start. */
  anewAt: -2,
  /** When it has done that: the place after which units that were set aside are still to be looked at. */
  returnAt: -3,
} as const;

/** The marks of one database. */
export class SqliteMarks {
  readonly #statements: SqliteStatements;

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#statements = statementsOf(database);
  }

  /** Newest first. */
  all(): Mark[] {
    return this.#statements
      .all('SELECT position, cursor FROM daybook_marks WHERE position > 0 ORDER BY position DESC', [])
      .map(([position, cursor]) => ({ position: position as number, cursor: cursor as string }));
  }

  add({ position, cursor }: Mark): void {
    this.#statements.run('INSERT OR REPLACE INTO daybook_marks VALUES (?, ?)', [position, cursor]);
  }

  drop(position: number): void {
    this.#statements.run('DELETE FROM daybook_marks WHERE position = ?', [position]);
  }

  dropAfter(position: number): void {
    this.#statements.run('DELETE FROM daybook_marks WHERE position > ?', [position]);
  }

  noted(what: keyof typeof NOTED): number | undefined {
    const sql = 'SELECT CAST(cursor AS INTEGER) FROM daybook_marks WHERE position = ?';
    return this.#statements.number(sql, [NOTED[what]]);
  }

  /** @param value - undefined where nothing is to be noted any more */
  note(what: keyof typeof NOTED, value: number | undefined): void {
    if (value === undefined) this.drop(NOTED[what]);
    else this.add({ position: NOTED[what], cursor: String(value) });
  }
}
