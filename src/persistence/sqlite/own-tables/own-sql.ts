/**
 * Runs the caller's SQL on the database of a replica: in a transaction whose changes are captured, or to read.
 *
 * @module
 */
import { NotSupportedError, ProgrammingError } from '../../errors.js';
import type { UnitOfWork } from '../../serial/unit-of-work.js';
import type { SqlResult } from '../../sql/sql-queryable.js';
import { dropCapture } from './change-capture.js';
import type { ChangeCapture } from './change-capture.js';
import { assertValueCount, isReservedName, parseOwnStatement, reserved } from './own-statement.js';
import type { OwnStatement } from './own-statement.js';
import { toResult, toSqliteValue } from './own-values.js';
import { refreshing } from './schema-refresh.js';
import { RecentStatements, RecentTexts } from '../recent-statements.js';
import { statementsOf } from '../sqlite-connection.js';
import type { SqliteDatabase, SqliteValue } from '../sqlite-driver.js';
import { attempt } from '../sqlite-errors.js';
import { WriteGuard } from './write-guard.js';

const SAVEPOINT = 'daybook_schema';

/** Takes a statement back when it turns out to have done nothing. */
class NothingDone extends Error {}

/** The caller's statements on one database. */
export class OwnSql {
  readonly #database: SqliteDatabase;
  readonly #capture: ChangeCapture;
  readonly #guard: WriteGuard;
  // To take a text apart takes longer than a small query.
  readonly #parsed = new RecentTexts(parseOwnStatement);
  readonly #statements: RecentStatements;
  readonly #savepoint: UnitOfWork;

  /**
   * @param database - lent
   * @param capture - of the same database; prepared and started before anything is run
   */
  constructor(database: SqliteDatabase, capture: ChangeCapture) {
    this.#database = database;
    this.#capture = capture;
    this.#guard = new WriteGuard(database);
    this.#statements = new RecentStatements(database);
    this.#savepoint = refreshing(database, {
      begin: () => statementsOf(database).run(`SAVEPOINT ${SAVEPOINT}`, []),
      commit: () => statementsOf(database).run(`RELEASE ${SAVEPOINT}`, []),
      rollback() {
        statementsOf(database).run(`ROLLBACK TO ${SAVEPOINT}`, []);
        statementsOf(database).run(`RELEASE ${SAVEPOINT}`, []);
      },
    });
  }

  /** Runs a statement in the transaction. One that fails has changed nothing, unless it says `OR FAIL`. */
  run(text: string, values: readonly unknown[]): SqlResult {
    const statement = this.#parsed.of(text);
    if (statement.kind === 'schema') {
      this.#changeSchema(statement, values);
      return { rows: [] };
    }
    if (statement.kind === 'rows') this.#guard.check(statement.sql);
    return this.#execute(statement, values);
  }

  /** Runs a statement outside of any transaction. */
  read(text: string, values: readonly unknown[]): SqlResult {
    const statement = this.#parsed.of(text);
    if (statement.kind === 'schema' || (statement.kind === 'rows' && this.#guard.check(statement.sql)))
      throw wouldWrite();
    return this.#execute(statement, values);
  }

  #execute(statement: OwnStatement, values: readonly unknown[]): SqlResult {
    assertValueCount(statement, values);
    const prepared = this.#statements.prepare(statement.sql);
    const rows = prepared.all(values.map(toSqliteValue));
    return toResult(rows, prepared.columnNames());
  }

  #changeSchema(statement: OwnStatement, values: readonly unknown[]): void {
    if (values.length > 0 || statement.parameterCount > 0) {
      throw new ProgrammingError('A statement that changes the schema has no parameters.');
    }
    try {
      this.#savepoint.run(() => this.#changeAndNote(statement));
    } catch (error) {
      if (!(error instanceof NothingDone)) throw error;
    }
  }

  #changeAndNote({ sql, isAlter }: OwnStatement): void {
    const before = this.#capture.schemaVersion();
    const notOwn = this.#notOwn();
    this.#capture.flush();
    if (isAlter) dropCapture(this.#database);
    attempt(() => this.#database.exec(sql));
    // IF NOT EXISTS, where it exists. Applications begin with it: that it is said must not fill the journal.
    if (this.#capture.schemaVersion() === before) throw new NothingDone();
    if (this.#notOwn() !== notOwn) throw reserved('something in this statement');
    this.#capture.noteSchema(sql);
  }

  /**
   * All of the schema that no statement of the caller's may change: that the text was understood as SQLite understands it
   * is not taken for granted.
   */
  #notOwn(): string {
    const main = statementsOf(this.#database)
      .all('SELECT type, name, tbl_name, sql FROM main.sqlite_schema', [])
      .filter(([type, name, table]) => type === 'trigger' || isNotOwn(name) || isNotOwn(table));
    const temp = statementsOf(this.#database)
      .all('SELECT type, name FROM temp.sqlite_schema', [])
      .filter(([, name]) => !isReservedName(name as string));
    return JSON.stringify([main, temp]);
  }
}

/** An index that SQLite makes by itself belongs to its table. */
function isNotOwn(name: SqliteValue | undefined): boolean {
  return isReservedName(name as string) && !/^sqlite_autoindex_/i.test(name as string);
}

function wouldWrite(): NotSupportedError {
  return new NotSupportedError('A query outside of a transaction reads only: write in recorder.transaction(…).', {
    details: { reason: 'read-only' },
  });
}
