/**
 * The caller's own SQL, written once for every engine that has it behind an asynchronous call.
 *
 * @module
 */

/** One row, by column name; of columns with one name the last counts. What a column holds depends on the engine. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** What a statement gave. */
export interface SqlResult {
  readonly rows: readonly SqlRow[];
}

/**
 * Runs statements. A `PostgresQueryable` is one, and so is the connection of a transaction in the browser: what is
 * written against it, with parameters `$1`, `$2` … and SQL that both engines know, runs on both.
 */
export interface SqlQueryable {
  /**
   * Runs one statement.
   *
   * @param values - of its parameters, in their order
   * @throws the engine's errors; in the browser those of `errors.ts`
   */
  query(text: string, values?: unknown[]): Promise<SqlResult>;
}

/** What a transaction lends, where it is SQL: in memory it lends nothing, and in MongoDB a session. */
export function sqlOf(connection: unknown): SqlQueryable | undefined {
  return typeof (connection as Partial<SqlQueryable> | undefined)?.query === 'function'
    ? (connection as SqlQueryable)
    : undefined;
}
