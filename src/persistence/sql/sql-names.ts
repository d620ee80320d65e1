/**
 * Names of tables that the caller may choose, for SQLite and PostgreSQL.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import type { SqlDialect } from './sql-dialect.js';
import { shortened } from '../validation.js';

// What PostgreSQL takes is less than SQLite; endings for indexes must fit in as well.
const TABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/;
// A schema is there already, under any name that PostgreSQL has for one: no more than 63 bytes, which it would cut off.
const SCHEMA_BYTES_MAX = 63;

/** Names the turn of those who create tables of events at once. */
export const EVENT_TABLES_TURN = 'daybook:create-table';

/** A statement that creates one thing, safe to be run again. */
export interface Creation {
  /** Of the table or the index, without quotes and schema. */
  readonly name: string;
  readonly sql: string;
  /** Of an index that may be created on its own: the table that it is of, as `name`. */
  readonly indexed?: string;
}

/** What is to be there. */
export interface Creations {
  /** PostgreSQL only. @defaultValue the first of the search path */
  readonly schema: string | undefined;
  /** Names the turn that callers at once wait for. */
  readonly lock: string;
  readonly creations: readonly Creation[];
  /** Whether what is kept there means nothing without the log that it is of; the first thing created is owned by it then. */
  readonly isOfLog?: boolean;
}

/** A table, and how its indexes are called. */
export interface SqlTableName {
  /** Without quotes and schema. */
  readonly name: string;
  readonly schema: string | undefined;
  /** For SQL, with its schema where there is one. */
  readonly table: string;
  /** What creates an index of the table, on columns, perhaps with a condition: `(a, b) WHERE a IS NOT NULL`. */
  readonly index: (ending: string, on: string) => Creation;
}

/**
 * Writes names as SQL.
 *
 * @param schema - PostgreSQL only
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the table's name is not 1 to 40 letters, digits and `_`, with no
 *   digit first, or no schema can have such a name, or the database has no schemas
 */
export function sqlTableName(
  table: string,
  schema: string | undefined,
  dialect: Pick<SqlDialect, 'supportsSchemas'>,
): SqlTableName {
  if (typeof table !== 'string' || !TABLE_NAME.test(table))
    throw refused(table, 'a table here: 1 to 40 letters, digits and _ are needed');
  if (schema !== undefined && dialect.supportsSchemas !== true) {
    throw refused(schema, 'a schema: this database has none. Leave schema out');
  }
  if (schema !== undefined && !isSchemaName(schema)) {
    throw refused(schema, `a schema: 1 to ${SCHEMA_BYTES_MAX} bytes of text without a zero are needed`);
  }
  const quoted = schema === undefined ? `"${table}"` : `"${schema.replaceAll('"', '""')}"."${table}"`;
  return {
    name: table,
    schema,
    table: quoted,
    index: (ending, on) => {
      const name = `${table}_${ending}`;
      // PostgreSQL keeps it in the table's schema.
      return { name, sql: `CREATE INDEX IF NOT EXISTS "${name}" ON ${quoted} ${on}`, indexed: table };
    },
  };
}

function isSchemaName(name: string): boolean {
  if (typeof name !== 'string') return false;
  const bytes = new TextEncoder().encode(name).length;
  return bytes > 0 && bytes <= SCHEMA_BYTES_MAX && !name.includes('\0') && name.isWellFormed();
}

function refused(name: string, what: string): ProgrammingError {
  return new ProgrammingError(`${JSON.stringify(shortened(name))} cannot name ${what}.`);
}
