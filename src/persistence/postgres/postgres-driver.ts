/**
 * What a PostgreSQL client library must offer: small, and alike for `pg`, PGlite and Hyperdrive.
 *
 * @module
 */

/** One row, by column name. What a column holds depends on the library: `bigint` comes as text, number or bigint. */
export type PostgresRow = Readonly<Record<string, unknown>>;

/** What a statement gave. */
export interface PostgresResult {
  readonly rows: readonly PostgresRow[];
}

/** Runs statements. */
export interface PostgresQueryable {
  /**
   * Runs one statement with parameters `$1`, `$2` …; or, when there are no values, several statements separated
   * by semicolons, whose results nobody reads.
   *
   * Arrays are PostgreSQL arrays and `Uint8Array` is `bytea`. Rejects with whatever the library throws, see `postgresError`.
   */
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
}

/** One connection, lent by a pool: a transaction runs on it. */
export interface PostgresClient extends PostgresQueryable {
  /**
   * Gives the connection back. Called exactly once.
   *
   * @param error - given when the connection is in an unknown state: then it is closed, and nobody gets it again
   */
  release(error?: Error): void;
}

/** Connections to one database. `query` takes any connection; `connect` lends one. */
export interface PostgresPool extends PostgresQueryable {
  connect(): Promise<PostgresClient>;
}
