/**
 * Makes the changes of own tables that `change-capture.ts` took, in a database that holds what there was before them.
 *
 * Nothing decides anything any more: foreign keys have cascaded, checks have passed, and defaults, clocks and chance have
 * given the values that are written.
 *
 * @module
 */
import { dropCapture } from './change-capture.js';
import { exactParameters, exactPlaceholder } from './exact-values.js';
import { isReservedName } from './own-statement.js';
import { RecentStatements } from '../recent-statements.js';
import { replayRows } from './row-replay.js';
import type { SqliteDatabase } from '../sqlite-driver.js';
import { decodeTableChanges } from './table-changes.js';
import type { SequenceChange } from './table-changes.js';

/** Replays changes on one database. */
export class ChangeReplay {
  readonly #database: SqliteDatabase;
  readonly #statements: RecentStatements;

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new RecentStatements(database);
  }

  /**
   * Runs work that replays, in a transaction of its own, without what would decide again.
   *
   * @param work - called while no transaction is open: settings like these cannot be changed in one
   */
  undecided(work: () => void): void {
    // A pragma is carried out when it is prepared, so none of these is prepared once and kept.
    const asked = this.#database.prepare('PRAGMA foreign_keys');
    const [enforced] = asked.all([])[0] ?? [];
    asked.free();
    this.#database.exec('PRAGMA foreign_keys = OFF');
    this.#database.exec('PRAGMA ignore_check_constraints = ON');
    try {
      work();
    } finally {
      this.#database.exec('PRAGMA ignore_check_constraints = OFF');
      if (enforced === 1) this.#database.exec('PRAGMA foreign_keys = ON');
    }
  }

  /**
   * @param changes - as `ChangeCapture.take` makes them
   * @throws what `decodeTableChanges` throws; or what SQLite says where the database is not what they follow
   */
  replay(changes: Uint8Array): void {
    const sequences: SequenceChange[] = [];
    for (const change of decodeTableChanges(changes)) {
      if (change.kind === 'schema') {
        dropCapture(this.#database);
        this.#database.exec(change.sql);
      } else if (change.kind === 'rows') replayRows(this.#statements, change);
      else sequences.push(change);
    }
    this.#replaySequences(sequences);
  }

  /**
   * Afterwards there are those and no others: to insert a row begins one also where the statement that did it first, an
   * `INSERT OR FAIL` that failed at its second row, left none.
   */
  #replaySequences(sequences: readonly SequenceChange[]): void {
    for (const [name] of this.#statements.prepare('SELECT name FROM main.sqlite_sequence').all([])) {
      if (isReservedName(name as string)) continue;
      this.#statements.prepare('DELETE FROM main.sqlite_sequence WHERE name = ?').run([name as string]);
    }
    for (const { table, value } of sequences) {
      const sql = `INSERT INTO main.sqlite_sequence (seq, name) VALUES (${exactPlaceholder(value)}, ?)`;
      this.#statements.prepare(sql).run([...exactParameters([value]), table]);
    }
  }
}
