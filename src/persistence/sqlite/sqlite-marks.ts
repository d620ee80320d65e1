/**
 * Where a store stands in the server's log, and the little that is known of its way (`daybook_marks`).
 *
 * @module
 */
import { CURSOR_START } from '../unit.js';
import type { Cursor } from '../unit.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** A place where the store stood. */
export interface Mark {
  readonly position: number;
  readonly cursor: Cursor;
}

/** Before any mark. */
export const START: Mark = { cursor: CURSOR_START, position: 0 };

/** Numbers that are kept where no log has a mark. */
export const NOTED = {
  /** How often the store went back. */
  rewinds: -1,
  /** While the store follows the log anew: the position of the mark that it has come to, 0 at the start. */
  anewAt: -2,
  /** When it has done that: the place after which units that were set aside are still to be looked at. */
  returnAt: -3,
  /** The largest local id of those that have left, where first events of aggregates have. */
  truncatedId: -4,
  /** As text: what the store's sequence began with, when that has left. */
  firstEvent: -5,
  /** The largest number that what is confirmed had before some of it was lost (`sqlite-confirmed-order.ts`). */
  confirmed: -6,
  /** How often what is confirmed was not the beginning any more of what is confirmed then. */
  era: -7,
  /** While parts of a bootstrap are missing: how many events of the log are here, or stood for. */
  bootstrap: -8,
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

  /** The newest, or the start. */
  newest(): Mark {
    return this.all()[0] ?? START;
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

  text(what: keyof typeof NOTED): string | undefined {
    const [row] = this.#statements.all('SELECT cursor FROM daybook_marks WHERE position = ?', [NOTED[what]]);
    return row?.[0] as string | undefined;
  }

  setText(what: keyof typeof NOTED, cursor: string): void {
    this.add({ position: NOTED[what], cursor });
  }

  /** @param value - undefined where nothing is to be noted any more */
  note(what: keyof typeof NOTED, value: number | undefined): void {
    if (value === undefined) this.drop(NOTED[what]);
    else this.setText(what, String(value));
  }
}
