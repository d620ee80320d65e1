/**
 * What an engine tells its operator of tables: how large they are, and which indexes are used.
 *
 * @module
 */

/** A statement, and the values of its parameters. */
export interface InspectionStatement {
  readonly text: string;
  readonly values: unknown[];
}

/** How an engine is asked, declared by it. */
export interface SqlInspection {
  /**
   * Statements that begin a transaction which reads only, and whose statements end after so many milliseconds.
   *
   * @defaultValue none: the engine cannot end a statement, and each is run alone
   */
  readonly openingSql?: (timeoutMs: number) => string;
  /** The state of an error that says that a statement took too long. */
  readonly timeoutState?: string;
  /** What the sizes are of. */
  readonly sizesOf: 'events' | 'database';
  /** Gives the columns `total_bytes`, `table_bytes` and `index_bytes`, of a table by its name as SQL; NULL for what is not known. */
  readonly sizes: (table: string) => InspectionStatement;
  /**
   * Gives the columns `name`, `table_name`, `is_unique`, `is_valid`, `scans` and `bytes`, a row for each index of a table.
   *
   * @defaultValue none: the engine does not count what its indexes are used for
   */
  readonly indexes?: (table: string) => InspectionStatement;
}

/** SQLite's: it knows how large the database is, and nothing of its parts. */
export const SQLITE_INSPECTION: SqlInspection = {
  sizesOf: 'database',
  sizes: () => ({
    text: `SELECT page_count * page_size AS total_bytes, NULL AS table_bytes, NULL AS index_bytes
      FROM pragma_page_count() CROSS JOIN pragma_page_size()`,
    values: [],
  }),
};
