/**
 * Drizzle in a recorder's transaction, on SQLite: `node:sqlite` and sql.js alike.
 *
 * @module
 */
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import type { SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy';
import type { SqliteDatabase, SqliteValue } from 'daybook/sqlite';
import { joinedStatements } from './joined-statements.js';

/**
 * Drizzle on the connection of a transaction: its queries are part of the transaction, and so are its transactions.
 * Use it until the transaction ends.
 */
export function drizzleOnSqlite(connection: SqliteDatabase): SqliteRemoteDatabase {
  return drizzle(async (sql, parameters: SqliteValue[], method) => {
    if (method === 'run') {
      for (const statement of joinedStatements(sql)) connection.prepare(statement).run(parameters);
      return { rows: [] };
    }
    const rows = connection.prepare(sql).all(parameters);
    // For `get` Drizzle wants the row itself; without one there is none.
    return { rows: method === 'get' ? (rows[0] as unknown as unknown[]) : rows };
  });
}
