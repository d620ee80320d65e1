/**
 * Drizzle in a recorder's transaction, on PostgreSQL with `pg`.
 *
 * @module
 */
import { drizzle } from 'drizzle-orm/node-postgres';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { PoolClient } from 'pg';
import type { PostgresQueryable, PostgresResult } from 'daybook/postgres';
import { joinedStatements } from './joined-statements.js';

/** How Drizzle asks `pg`: the text with the form of the rows. */
interface QueryConfig {
  readonly text: string;
}

/**
 * Drizzle on the connection of a transaction: its queries are part of the transaction, and so are its transactions.
 * Use it until the transaction ends.
 */
export function drizzleOnPostgres(connection: PostgresQueryable): NodePgDatabase {
  const client = {
    async query(config: QueryConfig, values?: unknown[]): Promise<PostgresResult> {
      let result: PostgresResult = { rows: [] };
      for (const text of joinedStatements(config.text)) {
        // The connection hands everything on to pg, which takes such a configuration in the place of a text.
        result = await connection.query({ ...config, text } as unknown as string, values);
      }
      return result;
    },
  };
  return drizzle(client as unknown as PoolClient);
}
