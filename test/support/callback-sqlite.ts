import { OperationalError, STATEMENT_REASON } from '../../src/persistence/errors.js';
import type { UnitOfWork } from '../../src/persistence/serial/unit-of-work.js';
import type { SqliteDatabase, SqliteStatement } from '../../src/persistence/sqlite/sqlite-driver.js';

const PARAMETERS_MAX = 100;

/**
 * A database as a Durable Object has it: transactions are callbacks, may run inside one another, and are refused as SQL; a
 * statement takes a hundred parameters.
 *
 * @param database - owned
 */
export function callbackSqlite(database: SqliteDatabase): SqliteDatabase {
  return {
    exec(sql) {
      refuseTransactions(sql);
      database.exec(sql);
    },
    prepare(sql): SqliteStatement {
      refuseTransactions(sql);
      return bounded(database.prepare(sql));
    },
    close: () => database.close(),
    unit: callbackUnit(database),
    nestsUnits: true,
    parametersMax: PARAMETERS_MAX,
  };
}

function bounded(statement: SqliteStatement): SqliteStatement {
  return {
    run(parameters) {
      refuseMany(parameters);
      statement.run(parameters);
    },
    all(parameters) {
      refuseMany(parameters);
      return statement.all(parameters);
    },
    columnNames: () => statement.columnNames(),
    free: () => statement.free(),
  };
}

function refuseMany(parameters: readonly unknown[]): void {
  if (parameters.length <= PARAMETERS_MAX) return;
  throw new OperationalError('too many SQL variables', { details: { reason: STATEMENT_REASON } });
}

function refuseTransactions(sql: string): void {
  if (!/^\s*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/im.test(sql)) return;
  throw new OperationalError(`Transactions are refused as SQL here: ${sql}`, { details: { reason: STATEMENT_REASON } });
}

/** What `transactionSync` and `transaction` are, by what this database has below them. */
function callbackUnit(database: SqliteDatabase): UnitOfWork {
  let depth = 0;
  const begin = (): number => {
    database.exec(depth === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT callback_${depth}`);
    return depth++;
  };
  const end = (at: number, isKept: boolean): void => {
    // What was begun inside of it, and not awaited, ends with it.
    if (depth <= at) return;
    // A commit that fails leaves the unit open, to be rolled back.
    if (isKept) database.exec(at === 0 ? 'COMMIT' : `RELEASE callback_${at}`);
    depth = at;
    if (!isKept) database.exec(at === 0 ? 'ROLLBACK' : `ROLLBACK TO callback_${at}; RELEASE callback_${at}`);
  };
  return {
    run(work) {
      const at = begin();
      try {
        const result = work();
        end(at, true);
        return result;
      } catch (error) {
        end(at, false);
        throw error;
      }
    },
    runAsync(work) {
      const at = begin();
      return (async () => {
        try {
          const result = await work();
          end(at, true);
          return result;
        } catch (error) {
          end(at, false);
          throw error;
        }
      })();
    },
  };
}
