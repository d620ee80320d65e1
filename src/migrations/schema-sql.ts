/**
 * What tables are made of, as a file: for who creates them by hand, with rights that a program has not, or reads them.
 *
 * @module
 */
import { checkMigrations } from './migration.js';
import type { Migration } from './migration.js';
import { checkOwn } from './own-tables.js';
import type { HasTables } from './own-tables.js';

/** What is printed. */
export interface SchemaSqlOptions {
  /** As in `MigratorOptions`. @defaultValue none */
  readonly own?: readonly Pick<HasTables, 'tables'>[];
  /** The application's, behind them, in the order of their versions. @defaultValue none */
  readonly migrations?: readonly Migration[];
}

/**
 * The statements that make all tables in an empty database, in their order. Nothing is asked of a database.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when something is not what it should be
 *
 * @example
 * ```ts
 * await writeFile('schema.sql', schemaSql({ own: [recorder, outbox], migrations }));
 * ```
 */
export function schemaSql({ own = [], migrations = [] }: SchemaSqlOptions = {}): string {
  checkOwn(own);
  const steps = own.flatMap(({ tables }) =>
    tables.creations.map(({ name, sql }) => `-- ${name}\n${ended(unindented(sql))}`),
  );
  const applied = checkMigrations(migrations).map(
    ({ version, name, up }) => `-- ${version} ${name}\n${up.statements.map(({ text }) => ended(text)).join('\n')}`,
  );
  return [...steps, ...applied].map((part) => `${part}\n`).join('\n');
}

function ended(sql: string): string {
  return `${sql.trim().replace(/;$/, '')};`;
}

/** Takes away by how much the last line, which closes the statement, is indented in the source. */
function unindented(sql: string): string {
  const indent = /\n( +)\)[^\n]*$/.exec(sql)?.[1] ?? '';
  return indent === '' ? sql : sql.replaceAll(`\n${indent}`, '\n');
}
