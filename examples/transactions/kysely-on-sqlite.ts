/**
 * Kysely in a recorder's transaction, on SQLite: `node:sqlite` and sql.js alike.
 *
 * @module
 */
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { SqliteDatabase, SqliteValue } from 'daybook/sqlite';
import { KyselyJoiningDriver } from './kysely-joining-driver.js';
import type { ExecuteQuery } from './kysely-joining-driver.js';

/**
 * Kysely on the connection of a transaction: its queries are part of the transaction, and so are its transactions.
 * Use it until the transaction ends; there is nothing to destroy.
 *
 * @typeParam Tables - as for `new Kysely<Tables>()`
 */
export function kyselyOnSqlite<Tables>(connection: SqliteDatabase): Kysely<Tables> {
  const execute: ExecuteQuery = async ({ sql, parameters }) => {
    const statement = connection.prepare(sql);
    const rows = statement.all(parameters as readonly SqliteValue[]);
    const names = statement.columnNames();
    const [changes, insertId] = connection.prepare('SELECT changes(), last_insert_rowid()').all([])[0] ?? [];
    return {
      rows: rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]]))),
      numAffectedRows: BigInt(changes as number),
      insertId: BigInt(insertId as number),
    };
  };
  return new Kysely<Tables>({
    dialect: {
      createDriver: () =>
        new KyselyJoiningDriver(execute, async (sql) => {
          connection.exec(sql);
        }),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (db) => new SqliteIntrospector(db),
    },
  });
}
