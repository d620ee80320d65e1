/**
 * What a PostgreSQL client library must offer: small, and alike for `pg`, PGlite and Hyperdrive.
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';

/** One row, by column name. What a column holds depends on the library: `bigint` comes as text, number or bigint. */
export type PostgresRow = Readonly<Record<string, unknown>>;

/** What a statement gave. */
export interface PostgresResult {
  readonly rows: readonly PostgresRow[];
  /**
   * Of several statements in one message, on the list: whether those that cannot have rows (a `BEGIN`, an `UPDATE` without
   * `RETURNING`) have no result in it.
   *
   * @defaultValue false: there is one for each statement
   */
  readonly omitsRowless?: boolean;
}

/** Runs statements. */
export interface PostgresQueryable {
  /**
   * Runs one statement with parameters `$1`, `$2` …; or, when there are no values, several statements separated by
   * semicolons, sent as one message. Several give an array of results at run time, as with `pg`; it is not in the
   * type, because `pg` does not have it there either. Unless there is a transaction already, they are one.
   *
   * Arrays are PostgreSQL arrays and `Uint8Array` is `bytea`. Rejects with whatever the library throws, see `postgresError`.
   */
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
}

/** A statement that differs from call to call in its values only, which are written out as expressions. */
export interface PlannableStatement {
  /** With `$1` … in the place of the values. */
  readonly text: string;
  /** Of the values, for example `bigint` and `text[]`. */
  readonly types: readonly string[];
  readonly values: readonly string[];
  /** The statement with its values in their places. */
  inline(): string;
}

/** One connection, lent by a pool: a transaction runs on it. */
export interface PostgresClient extends PostgresQueryable {
  /**
   * Gives the connection back. Called exactly once.
   *
   * @param error - given when the connection is in an unknown state: then it is closed, and nobody gets it again
   */
  release(error?: Error): void;
  /**
   * Runs one statement as `query` does, and keeps its plan for the next time, where a connection can. Rows are selected
   * with it.
   */
  queryPrepared?(text: string, values: unknown[]): Promise<PostgresResult>;
  /**
   * Runs statements and a last one in one message, as `query` does without values, and keeps the plan of the last one for
   * the next time, where a connection can. Not in a transaction of the caller's, which a plan that is of no use would spoil.
   */
  queryPlanned?(statements: string, last: PlannableStatement): Promise<PostgresResult>;
  /** Tells of notifications, and of the connection's end, as `pg` does. Without it, subscriptions look by themselves. */
  on?(event: 'notification' | 'error' | 'end', listener: (told?: unknown) => void): unknown;
}

/** Connections to one database. `query` takes any connection; `connect` lends one. */
export interface PostgresPool extends PostgresQueryable {
  connect(): Promise<PostgresClient>;
  /** How many connections it lends at once. @defaultValue more than one */
  readonly connectionsMax?: number;
  /**
   * Whether `NOTIFY` works, and a connection can be kept for `LISTEN`. Without, commits wake nobody, and subscriptions
   * look by themselves.
   *
   * @defaultValue true
   */
  readonly supportsNotifications?: boolean;
  /**
   * Listens on a channel without a connection being lent for it, where there is only one.
   *
   * @param channel - quoted
   * @returns stops listening
   */
  listen?(channel: string, onNotification: () => void): Promise<() => Promise<void>>;
}

/** A connection that somebody else made, and that is closed with `end`: a connected `pg.Client`, for example. */
export interface PostgresConnection extends PostgresQueryable {
  end(): Promise<unknown>;
  /** Lets it keep the process running, or not, while it is idle in a pool. */
  ref?(): void;
  unref?(): void;
  on?(event: 'notification' | 'error' | 'end', listener: (told?: unknown) => void): unknown;
}

/**
 * Makes a connection of a pool, for connectors that know how to reach a database and who may. It must be connected, and is
 * the pool's from then on.
 *
 * @param environment - the settings, where they name the connector
 */
export type PostgresConnector = (environment: Environment) => Promise<PostgresConnection>;

/** Selects rows by a statement that will be run again. */
export async function select(
  client: Pick<PostgresClient, 'query' | 'queryPrepared'>,
  text: string,
  values: unknown[],
): Promise<readonly PostgresRow[]> {
  return lastRows(await (client.queryPrepared?.(text, values) ?? client.query(text, values)));
}

/** The rows of the last statement that gave any, whether one statement was run or several. */
export function lastRows(result: PostgresResult | readonly PostgresResult[]): readonly PostgresRow[] {
  return resultsOf(result).findLast(({ rows }) => rows.length > 0)?.rows ?? [];
}

/** What came of each statement, whether one was run or several. */
export function resultsOf(result: PostgresResult | readonly PostgresResult[]): readonly PostgresResult[] {
  return Array.isArray(result) ? (result as readonly PostgresResult[]) : [result as PostgresResult];
}

/** Statements, and a last one where there is one. */
export function withLast(statements: string, last: string | undefined): string {
  return last === undefined ? statements : `${statements};\n${last}`;
}
