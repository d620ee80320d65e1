/**
 * PGlite, PostgreSQL in this process, as a pool of its one connection.
 *
 * @module
 */
import { ConnectionPoolClosedError } from '../pool-errors.js';
import type { PostgresPool, PostgresResult } from './postgres-driver.js';
import { singleClient } from './single-client.js';

/** The part of PGlite that is used. Not its own type, so that it need not be installed. */
export interface PgliteDatabase {
  query(text: string, values: unknown[]): Promise<PostgresResult>;
  exec(statements: string): Promise<readonly PostgresResult[]>;
  onNotification(callback: () => void): unknown;
  /** Whether it was closed. @defaultValue nobody knows */
  readonly closed?: boolean;
}

/**
 * Makes a pool of a PGlite database. It is lent, not owned: the caller closes it.
 *
 * There is one connection: transactions take turns, and so does everything else. Inside `recorder.transaction`,
 * asking the recorder itself waits in vain, until it is refused after 30 seconds. After the database was closed, everything is
 * refused with `ConnectionPoolClosedError` (`CONNECTION_POOL_CLOSED`), and subscriptions and live queries end with it.
 *
 * @example
 * ```ts
 * import { PGlite } from '@electric-sql/pglite';
 *
 * const recorder = new PostgresProcessRecorder({ pool: pgliteDriver(new PGlite('./data')) });
 * await recorder.createTable();
 * ```
 */
export function pgliteDriver(database: PgliteDatabase): PostgresPool {
  return singleClient({
    query: async (text, values) => {
      // So that whoever follows it stops: what PGlite itself says then is no error of a kind.
      if (database.closed === true) throw new ConnectionPoolClosedError('The database is closed. Nothing was stored.');
      // Several statements go by another method here; their results are a list, as with `pg`.
      return values === undefined ? onlyResult(await database.exec(text)) : await database.query(text, values);
    },
    on: (event, listener) => {
      // Not its `listen`, which loses the quotes of a name when it stops.
      if (event === 'notification') database.onNotification(() => listener());
    },
  });
}

function onlyResult(results: readonly PostgresResult[]): PostgresResult {
  const [first = { rows: [] }] = results;
  return results.length <= 1 ? first : (results as unknown as PostgresResult);
}
