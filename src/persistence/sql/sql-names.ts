/**
 * Names of tables that the caller may choose, for SQLite and PostgreSQL.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import type { Creation } from './create-missing.js';

// What PostgreSQL takes is less than SQLite; endings for indexes must fit in as well.
const TABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/;

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
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is not 1 to 40 letters, digits and `_`, with no digit first
 */
export function sqlTableName(table: string, schema: string | undefined): SqlTableName {
  for (const name of schema === undefined ? [table] : [table, schema]) {
    if (TABLE_NAME.test(name)) continue;
    throw new ProgrammingError(
      `${JSON.stringify(name.slice(0, 80))} cannot name a table here: 1 to 40 letters, digits and _ are needed.`,
    );
  }
  const quoted = schema === undefined ? `"${table}"` : `"${schema}"."${table}"`;
  return {
    name: table,
    schema,
    table: quoted,
    index: (ending, on) => {
      const name = `${table}_${ending}`;
      // PostgreSQL keeps it in the table's schema.
      return { name, sql: `CREATE INDEX IF NOT EXISTS "${name}" ON ${quoted} ${on}` };
    },
  };
}
