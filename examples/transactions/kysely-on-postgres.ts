/**
 * Kysely in a recorder's transaction, on PostgreSQL with `pg`.
 *
 * @module
 */
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { PostgresQueryable, PostgresResult } from 'daybook/postgres';
import { KyselyJoiningDriver } from './kysely-joining-driver.js';
import type { ExecuteQuery } from './kysely-joining-driver.js';

/**
 * Kysely on the connection of a transaction: its queries are part of the transaction, and so are its transactions.
 * Use it until the transaction ends; there is nothing to destroy.
 *
 * @typeParam Tables - as for `new Kysely<Tables>()`
 */
export function kyselyOnPostgres<Tables>(connection: PostgresQueryable): Kysely<Tables> {
  const execute: ExecuteQuery = async ({ sql, parameters }) => {
    // pg counts the rows that were changed as well.
    const result: PostgresResult & { readonly rowCount?: number | null } = await connection.query(sql, [...parameters]);
    return { rows: [...result.rows], numAffectedRows: BigInt(result.rowCount ?? 0) };
  };
  return new Kysely<Tables>({
    dialect: {
      createDriver: () => new KyselyJoiningDriver(execute, (sql) => connection.query(sql)),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createAdapter: () => new PostgresAdapter(),
      createIntrospector: (db) => new PostgresIntrospector(db),
    },
  });
}
