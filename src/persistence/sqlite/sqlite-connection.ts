/**
 * A database as recorders use it: whose turn it is, and transactions within transactions.
 *
 * All recorders on one database share its session, for a transaction concerns the whole connection. What a transaction
 * lends to its caller is a {@link SqliteDatabase} again, whose transactions are savepoints: a recorder that is made on
 * it, for snapshots for example, takes part in the transaction.
 *
 * @module
 */
import { InterfaceError } from '../errors.js';
import type { RecorderSupport } from '../recorder.js';
import type { SerialConnection, SerialTransactionConnection } from '../serial/serial-recorder.js';
import { HeedingSession } from '../serial/heeding-session.js';
import type { SerialSession } from '../serial/serial-session.js';
import { steppedUnit } from '../serial/unit-of-work.js';
import type { UnitOfWork, UnitSteps } from '../serial/unit-of-work.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import type { SqlQueryable, SqlResult } from '../sql/sql-queryable.js';
import type { StoredEvent } from '../stored-event.js';
import { changesOfDatabase } from './sqlite-changes.js';
import type { SqliteChanges } from './sqlite-changes.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { runQuery } from './sqlite-query.js';
import { SqliteStatements } from './sqlite-statements.js';

/** What a transaction lends: the driver's own methods, and SQL as on every engine. */
export interface SqliteConnection extends SqliteDatabase, SqlQueryable {}

const SUPPORTS: RecorderSupport = { notifications: true, tracking: true, transactions: true, sql: true };

const connections = new WeakMap<SqliteDatabase, SerialConnection<SqliteConnection>>();
const statements = new WeakMap<SqliteDatabase, SqliteStatements>();

/** The connection of a database: always the same one. */
export function connectionOf(database: SqliteDatabase): SerialConnection<SqliteConnection> {
  if (database.sharedWith !== undefined) return connectionOf(database.sharedWith);
  const known = connections.get(database);
  if (known !== undefined) return known;
  const { lockTimeoutMs } = database;
  const changes = changesOfDatabase(database);
  const session = new HeedingSession({
    unit: changes.of(unitOf(database)),
    ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
  });
  return register(database, session, { root: statementsOf(database), changes }, 1);
}

/** The statements that live as long as a database. */
export function statementsOf(database: SqliteDatabase): SqliteStatements {
  let known = statements.get(database);
  if (known === undefined) {
    known = new SqliteStatements(database);
    statements.set(database, known);
  }
  return known;
}

/** The transactions of a database. */
export function unitOf(database: SqliteDatabase): UnitOfWork {
  return (
    database.unit ??
    steppedUnit(stepsBy(statementsOf(database), { begin: 'BEGIN IMMEDIATE', commit: 'COMMIT', rollback: ['ROLLBACK'] }))
  );
}

/** What is of a database that nobody lends. */
interface Outermost {
  readonly root: SqliteStatements;
  readonly changes: SqliteChanges;
}

function register(
  database: SqliteDatabase,
  session: SerialSession,
  outermost: Outermost,
  depth: number,
): SerialConnection<SqliteConnection> {
  const connection: SerialConnection<SqliteConnection> = {
    session,
    supports: SUPPORTS,
    nest(): SerialTransactionConnection<SqliteConnection> {
      const unit = database.nestsUnits === true ? unitOf(database) : steppedUnit(savepoints(outermost.root, depth));
      const lent = new LentDatabase(database, unit, depth === 1 ? outermost.changes : undefined);
      const inner = new HeedingSession({ ...session.lockWait, unit, outer: session, onEnded: () => lent.end() });
      return { ...register(lent, inner, outermost, depth + 1), connection: lent };
    },
  };
  connections.set(database, connection);
  return connection;
}

/**
 * Savepoints nest by their names, and one depth has one savepoint at a time: the session sees to that. Their statements
 * are the outermost database's, which are prepared once.
 */
export function savepoints(root: SqliteStatements, depth: number): UnitSteps {
  const name = `daybook_${depth}`;
  return stepsBy(root, {
    begin: `SAVEPOINT ${name}`,
    commit: `RELEASE ${name}`,
    rollback: [`ROLLBACK TO ${name}`, `RELEASE ${name}`],
  });
}

interface UnitSql {
  readonly begin: string;
  readonly commit: string;
  readonly rollback: readonly string[];
}

function stepsBy(root: SqliteStatements, sql: UnitSql): UnitSteps {
  return {
    begin: () => root.run(sql.begin, []),
    commit: () => root.run(sql.commit, []),
    rollback() {
      for (const text of sql.rollback) root.run(text, []);
    },
  };
}

/** A database that is lent for the time of a transaction. */
class LentDatabase implements SqliteConnection {
  readonly unit: UnitOfWork;
  readonly nestsUnits: boolean;
  readonly parametersMax: number | undefined;
  readonly dialect: Partial<SqlDialect> | undefined;
  #database: SqliteDatabase | undefined;
  readonly #statements: SqliteStatement[] = [];
  readonly #changes: SqliteChanges | undefined;

  /** @param changes - of the outermost one, through which those inside of it go */
  constructor(database: SqliteDatabase, unit: UnitOfWork, changes: SqliteChanges | undefined) {
    this.#changes = changes;
    this.#database = database;
    this.unit = unit;
    this.nestsUnits = database.nestsUnits ?? false;
    this.parametersMax = database.parametersMax;
    this.dialect = database.dialect;
  }

  beforeEvents(events: readonly StoredEvent[]): void {
    this.#lent().beforeEvents?.(events);
  }

  exec(sql: string): void {
    const database = this.#lent();
    this.#changes?.noteStatement(sql);
    database.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    const database = this.#lent();
    this.#changes?.noteStatement(sql);
    const statement = database.prepare(sql);
    this.#statements.push(statement);
    return new LentStatement(statement, () => void this.#lent());
  }

  // Async so that a refusal is a rejection.
  async query(text: string, values: unknown[] = []): Promise<SqlResult> {
    return await Promise.resolve(runQuery(this, text, values));
  }

  close(): void {
    throw new InterfaceError('The connection of a transaction is lent: its owner closes it.');
  }

  /** Takes the database back, and frees what was prepared meanwhile. */
  end(): void {
    this.#database = undefined;
    for (const statement of this.#statements) statement.free();
  }

  #lent(): SqliteDatabase {
    if (this.#database === undefined)
      throw new InterfaceError('The transaction has ended, and its connection with it.');
    return this.#database;
  }
}

class LentStatement implements SqliteStatement {
  readonly #statement: SqliteStatement;
  readonly #assertLent: () => void;

  constructor(statement: SqliteStatement, assertLent: () => void) {
    this.#statement = statement;
    this.#assertLent = assertLent;
  }

  run(parameters: readonly SqliteValue[]): void {
    this.#assertLent();
    this.#statement.run(parameters);
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    this.#assertLent();
    return this.#statement.all(parameters);
  }

  columnNames(): readonly string[] {
    this.#assertLent();
    return this.#statement.columnNames();
  }

  free(): void {
    // The transaction frees it at its end; until then it costs nothing worth the bookkeeping.
  }
}
