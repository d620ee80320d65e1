import type { SqliteDatabase, SqliteStatement } from '../../persistence/sqlite/sqlite-driver.js';
import { StatementObserver } from './statement-observer.js';
import type { ObserveOptions } from './statement-observer.js';

/**
 * A SQLite database whose statements are watched, as `observePool` does it of PostgreSQL. Give it to all recorders in the
 * place of the database that it is made of: two that take turns by themselves would be in each other's transactions.
 *
 * @example
 * ```ts
 * const database = observeDatabase(await openNodeSqlite({ path: 'events.sqlite' }), {
 *   onSlowQuery: ({ durationMs, text }) => console.warn(durationMs, text),
 * });
 * const recorder = new SqliteProcessRecorder(database);
 * ```
 *
 * @returns the database itself where nobody wants to know
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function observeDatabase<Database extends SqliteDatabase>(
  database: Database,
  options: ObserveOptions,
): Database {
  const observer = StatementObserver.of('sqlite', options);
  if (observer === undefined) return database;
  return new Proxy(database, {
    get(target, property) {
      if (property === 'prepare') return (sql: string) => prepared(target, sql, observer);
      if (property === 'openReader' && target.openReader !== undefined) {
        const openReader = target.openReader.bind(target);
        return () => observeDatabase(openReader(), options);
      }
      if (property === 'exec') return (sql: string) => observer.run(sql, () => target.exec(sql));
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function prepared(database: SqliteDatabase, sql: string, observer: StatementObserver): SqliteStatement {
  let statement: SqliteStatement;
  try {
    statement = database.prepare(sql);
  } catch (error) {
    observer.refuse(sql, error);
    throw error;
  }
  return {
    run: (parameters) => observer.run(sql, () => statement.run(parameters)),
    all: (parameters) => observer.run(sql, () => statement.all(parameters)),
    columnNames: () => statement.columnNames(),
    free: () => statement.free(),
  };
}
