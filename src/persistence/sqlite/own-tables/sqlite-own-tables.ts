/**
 * The caller's own tables in the SQLite database of a replica.
 *
 * @module
 */
import type { Clock } from '../../../util/clock.js';
import { systemClock } from '../../../util/clock.js';
import { DataError, OperationalError } from '../../errors.js';
import type { Attempt, AttemptOptions, OwnTables, TransactionWork } from '../../journal/own-tables.js';
import type { CheckedCommit } from '../../journal/replica.js';
import { SerialProcessRecorder } from '../../serial/serial-recorder.js';
import type { SerialTransactionConnection } from '../../serial/serial-recorder.js';
import { SerialSession } from '../../serial/serial-session.js';
import { steppedUnit } from '../../serial/unit-of-work.js';
import type { UnitSteps } from '../../serial/unit-of-work.js';
import type { SqlQueryable, SqlResult } from '../../sql/sql-queryable.js';
import { ChangeCapture } from './change-capture.js';
import { IdleWatch } from './idle-watch.js';
import { OwnRebase } from './own-rebase.js';
import { OwnSql } from './own-sql.js';
import { refreshing, refreshSchema } from './schema-refresh.js';
import { savepoints, statementsOf } from '../sqlite-connection.js';
import type { SqliteDatabase } from '../sqlite-driver.js';
import { SqliteReplica } from '../sqlite-replica.js';
import { SqliteUnits } from '../sqlite-units.js';
import { WatchedTables } from './watched-tables.js';

// Everything else that this tab records or reads waits meanwhile. Twice what a reader waits: who calls the recorder inside
// of a transaction is told so by that, before the transaction is taken back.
const IDLE_MS_MAX = 10_000;
// A record must fit in memory several times over while it is written, and while any tab replays it.
const CHANGES_BYTES_MAX = 32 * 1024 * 1024;

/** What {@link SqliteOwnTables} needs. */
export interface SqliteOwnTablesOptions {
  /** With the tables of events. Lent. */
  readonly database: SqliteDatabase;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/** Implements {@link OwnTables} in one database, which changes by the journal only. */
export class SqliteOwnTables implements OwnTables {
  readonly #database: SqliteDatabase;
  readonly #capture: ChangeCapture;
  readonly #sql: OwnSql;
  readonly #tables: WatchedTables;
  readonly #idleWatch: IdleWatch;
  readonly #attempts: SerialProcessRecorder<SqlQueryable>;
  readonly #units: SqliteUnits;
  readonly #clock: Clock;
  /** Of the transaction that is open. */
  #rebase: OwnRebase | undefined;
  #commits: readonly CheckedCommit[] = [];
  #isSound = true;
  /** Whether SQLite has taken the transaction back by itself. */
  #isLost = false;

  constructor(options: SqliteOwnTablesOptions) {
    const { database, clock = systemClock } = options;
    this.#database = database;
    this.#capture = new ChangeCapture(database);
    this.#sql = new OwnSql(database, this.#capture);
    this.#idleWatch = new IdleWatch(clock, IDLE_MS_MAX);
    this.#clock = clock;
    this.#units = new SqliteUnits(database);
    const tables = new SqliteReplica(database, {}, { units: this.#units });
    this.#tables = new WatchedTables(tables, (call) => this.#guarded(call));
    const session = new SerialSession({ unit: steppedUnit(this.#trial()), clock });
    this.#attempts = new SerialProcessRecorder(this.#connection(session, 0), this.#tables);
  }

  get isSound(): boolean {
    return this.#isSound;
  }

  async attempt<T>(work: TransactionWork<T>, { signal }: AttemptOptions): Promise<Attempt<T>> {
    this.#commits = [];
    const result = await this.#attempts.transaction((transaction) => this.#idleWatch.guard(work(transaction), signal));
    return { result, commits: this.#commits };
  }

  read(text: string, values: readonly unknown[] = []): SqlResult {
    return this.#sql.read(text, values);
  }

  /** A transaction that is always taken back; the outcome of its commit is what it did. */
  #trial(): UnitSteps {
    return {
      begin: () => this.#begin(),
      commit: () => {
        if (this.#isLost) throw endedItself();
        this.#commits = this.#take();
        this.#end();
      },
      rollback: () => this.#end(),
    };
  }

  #begin(): void {
    this.#isLost = false;
    this.#capture.prepare();
    // A REPLACE tells of the rows that it deletes only then.
    this.#database.exec('PRAGMA recursive_triggers = ON');
    this.#database.exec('PRAGMA foreign_keys = ON');
    statementsOf(this.#database).run('BEGIN', []);
    try {
      this.#capture.start();
      this.#tables.start();
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  #take(): CheckedCommit[] {
    const changes = this.#capture.take();
    const commits = [...(this.#rebase?.take() ?? []), ...this.#tables.take()];
    if (changes === undefined) return commits;
    if (changes.length > CHANGES_BYTES_MAX) throw tooLarge(changes.length);
    const [first = { events: [], firstNotificationId: 0, tracking: undefined }, ...others] = commits;
    return [{ ...first, changes }, ...others];
  }

  #end(): void {
    // False until it is known.
    this.#isSound = false;
    if (!this.#isLost) statementsOf(this.#database).run('ROLLBACK', []);
    refreshSchema(this.#database);
    this.#database.exec('PRAGMA foreign_keys = OFF');
    this.#isSound = true;
  }

  #connection(session: SerialSession, depth: number): SerialTransactionConnection<SqlQueryable> {
    return {
      session,
      supports: { notifications: true, tracking: true, transactions: true, editions: true },
      ...(depth === 0 ? {} : { rebase: this.#rebaseAt(session, depth) }),
      connection: { query: async (text, values = []) => session.run(() => this.#query(text, values)) },
      nest: () => {
        const unit = refreshing(this.#database, savepoints(statementsOf(this.#database), depth + 1));
        return this.#connection(new SerialSession({ ...session.lockWait, unit, outer: session }), depth + 1);
      },
    };
  }

  #rebaseAt(session: SerialSession, depth: number): OwnRebase {
    const parts = {
      ...{ units: this.#units, tables: this.#tables, capture: this.#capture, clock: this.#clock },
      run: <T>(call: () => T) => session.run(() => this.#guarded(call)),
    };
    const rebase = new OwnRebase(parts, depth === 1);
    if (depth === 1) this.#rebase = rebase;
    return rebase;
  }

  #query(text: string, values: readonly unknown[]): SqlResult {
    return this.#guarded(() => this.#sql.run(text, values));
  }

  /**
   * Runs a call of the transaction's. SQLite takes the whole transaction back when it finds no room, for another rowid for
   * example; whatever ran after that would be committed at once, here and nowhere else.
   */
  #guarded<T>(call: () => T): T {
    this.#idleWatch.note();
    if (this.#isLost) throw endedItself();
    try {
      return call();
    } catch (error) {
      this.#isLost = !this.#capture.isActive();
      throw error;
    }
  }
}

function endedItself(): OperationalError {
  return new OperationalError(
    'SQLite took the transaction back, because of the statement that failed before. Nothing of it was stored.',
    { details: { reason: 'ended' } },
  );
}

function tooLarge(changesBytes: number): DataError {
  return new DataError(
    `The transaction changed ${changesBytes} bytes in tables of your own; one can change ${CHANGES_BYTES_MAX} at most. Nothing was stored: divide it.`,
    { details: { changesBytes, changesBytesMax: CHANGES_BYTES_MAX } },
  );
}
