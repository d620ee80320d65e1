/**
 * PGlite, PostgreSQL in this process, as a pool of its one connection.
 *
 * @module
 */
import type { PostgresPool, PostgresResult } from './postgres-driver.js';
import { singleClient } from './single-client.js';

/** The part of PGlite that is used. Not its own type, so that it need not be installed. */
export interface PgliteDatabase {
  query(text: string, values: unknown[]): Promise<PostgresResult>;
  exec(statements: string): Promise<readonly PostgresResult[]>;
  onNotification(callback: () => void): unknown;
}

/**
 * Makes a pool of a PGlite database. It is lent, not owned: the caller closes it.
 *
 * There is one connection: transactions take turns, and so does everything else. Inside `recorder.transaction`,
 * asking the recorder itself waits in vain, until it is refused after 30 seconds.
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
    query: async (text, values) =>
      // Several statements go by another method here; their results are a list, as with `pg`.
      values === undefined ? onlyResult(await database.exec(text)) : await database.query(text, values),
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
