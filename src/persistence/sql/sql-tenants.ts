/**
 * Tables that many tenants share, each with rows of its own: declared by the engine that has them.
 *
 * @module
 */
/** How tables are shared, and by whom at present. */
export interface SqlTenants {
  /** Whose rows are seen and written. */
  readonly tenant: string;
  /** The column that says whose a row is, as SQL: first in every key. */
  readonly column: string;
  /** Its definition: who inserts need not name it. */
  readonly columnSql: string;
  /** Parts that a large table is split into, by a hash of the tenant; 0 for none. */
  readonly partitions: number;
  /** Ends the `CREATE TABLE` of a large table. */
  readonly partitionSql: string;
  /** What makes a table, which is there, a shared one: its parts, and that nobody sees the rows of others. */
  readonly shareSql: (table: NamedTable, options: ShareOptions) => string;
}

/** A table, without quotes. */
export interface NamedTable {
  readonly name: string;
  readonly schema: string | undefined;
}

/** What kind of table is shared. */
export interface ShareOptions {
  /** Whether it is split, and was created with `partitionSql`. */
  readonly isLarge: boolean;
  /** Ends each part of one that is split. @defaultValue nothing */
  readonly storageSql?: string;
}
