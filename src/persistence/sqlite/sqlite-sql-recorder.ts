/**
 * SQL beside a recorder on SQLite, in the form that is the same on every engine.
 *
 * @module
 */
import { AdaptedSqlRecorder } from '../sql/adapted-sql-recorder.js';
import { ProgrammingError } from '../errors.js';
import type { TransactionalRecorder } from '../recorder-transaction.js';
import type { SqlQueryable, SqlResult } from '../sql/sql-queryable.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';
import { connectionOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { inPlaceholderOrder, toPlainPlaceholders } from './sqlite-placeholders.js';

/**
 * Makes a `SqlRecorder` of a recorder on SQLite: what is written once for all SQL engines then runs on it.
 *
 * @param recorder - its transactions are used
 * @param database - of the recorder; for reading outside of transactions
 *
 * @example
 * ```ts
 * const database = await openNodeSqlite({ path: 'events.sqlite' });
 * const recorder = sqliteSqlRecorder(new SqliteProcessRecorder(database), database);
 * ```
 */
export function sqliteSqlRecorder(
  recorder: TransactionalRecorder<SqliteDatabase>,
  database: SqliteDatabase,
): SqlRecorder {
  const { session } = connectionOf(database);
  return new AdaptedSqlRecorder<SqliteDatabase>({
    recorder,
    dialect: 'sqlite',
    queryable: {
      // In its turn: in the middle of a transaction of this connection it would see what is not committed.
      query: async (text, values) => await session.run(() => runQuery(database, text, values)),
    },
    toQueryable: toSqlQueryable,
  });
}

/** SQL on a connection, whoever's transaction it is in. */
function toSqlQueryable(database: SqliteDatabase): SqlQueryable {
  return {
    // Async so that a refusal is a rejection.
    query: async (text, values) => await Promise.resolve(runQuery(database, text, values)),
  };
}

function runQuery(database: SqliteDatabase, text: string, values: readonly unknown[] = []): SqlResult {
  const { sql, order } = toPlainPlaceholders(text);
  const parameters = inPlaceholderOrder(order, values).map(toSqliteValue);
  const statement = database.prepare(sql);
  try {
    return { rows: toRows(statement, statement.all(parameters)) };
  } finally {
    statement.free();
  }
}

function toRows(statement: SqliteStatement, rows: readonly SqliteRow[]): Readonly<Record<string, SqliteValue>>[] {
  if (rows.length === 0) return [];
  const names = statement.columnNames();
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] as SqliteValue])));
}

function toSqliteValue(value: unknown, index: number): SqliteValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'string' || value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw new ProgrammingError(`SQLite stores no ${typeof value}: see the value of placeholder ${index + 1}.`);
}
