/**
 * A driver of Kysely for one connection that is lent: it opens no transaction but inside of the one that is there.
 *
 * @module
 */
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';
import { joinedStatements } from './joined-statements.js';

/** How the engine executes a query of Kysely's. */
export type ExecuteQuery = (query: CompiledQuery) => Promise<QueryResult<unknown>>;

export class KyselyJoiningDriver implements Driver {
  readonly #executeQuery: ExecuteQuery;
  readonly #executeStatement: (sql: string) => Promise<unknown>;

  /** @param executeStatement - executes what has no parameters and no rows */
  constructor(executeQuery: ExecuteQuery, executeStatement: (sql: string) => Promise<unknown>) {
    this.#executeQuery = executeQuery;
    this.#executeStatement = executeStatement;
  }

  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve({
      executeQuery: async <Row>(query: CompiledQuery) => (await this.#executeQuery(query)) as QueryResult<Row>,
      streamQuery: () => {
        throw new Error('A cursor would keep the connection of the transaction to itself. Select in pages instead.');
      },
    });
  }

  async beginTransaction(): Promise<void> {
    await this.#join('begin');
  }
  async commitTransaction(): Promise<void> {
    await this.#join('commit');
  }
  async rollbackTransaction(): Promise<void> {
    await this.#join('rollback');
  }

  // Who lent the connection opens, releases and closes it.
  init(): Promise<void> {
    return Promise.resolve();
  }
  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }

  async #join(statement: string): Promise<void> {
    for (const sql of joinedStatements(statement)) await this.#executeStatement(sql);
  }
}
