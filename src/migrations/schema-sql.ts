/**
 * What tables are made of, as a file: for who creates them by hand, with rights that a program has not, or reads them.
 *
 * @module
 */
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { Creation } from '../persistence/sql/sql-names.js';
import { checkMigrations, checksumOf } from './migration.js';
import type { Migration } from './migration.js';
import { MigrationLedger, SET_DEFAULT } from './migration-ledger.js';
import type { MigratorOptions } from './migrator-options.js';
import { checkOwn, checkViews, ownSteps } from './own-tables.js';
import type { HasCreations, HasTables } from './own-tables.js';

const NOW_MS: Readonly<Record<SqlDialect['name'], string>> = {
  postgres: '(extract(epoch FROM now()) * 1000)::bigint',
  sqlite: "CAST(strftime('%s', 'now') AS INTEGER) * 1000",
};

/** What is printed. */
export interface SchemaSqlOptions extends Pick<MigratorOptions, 'ledgerTable' | 'schema' | 'set'> {
  /** As in `MigratorOptions`. @defaultValue none */
  readonly own?: readonly Pick<HasTables, 'tables'>[];
  /** Views of projections, by their `SqlProjectionStore`, and states, by their `SqlStateStore`. @defaultValue none */
  readonly views?: readonly HasCreations[];
  /**
   * The application's, behind all others, in the order of their versions. With them, be they none, the ledger is printed as well,
   * which says that they and `own` are applied: a `Migrator` finds nothing to do.
   *
   * @defaultValue none, and no ledger
   */
  readonly migrations?: readonly Migration[];
  /** Which database the ledger is for. @defaultValue `postgres` */
  readonly engine?: SqlDialect['name'];
}

/**
 * The statements that make all tables in an empty database, in their order. Nothing is asked of a database.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when something is not what it should be
 *
 * @example
 * ```ts
 * const views = [new SqlProjectionStore(recorder, stockLevels), states];
 * await writeFile('schema.sql', schemaSql({ own: [recorder, outbox], views, migrations }));
 * ```
 */
export function schemaSql(options: SchemaSqlOptions = {}): string {
  const { own = [], views = [], migrations = [] } = options;
  checkOwn(own);
  checkViews(views);
  const steps = [...own.flatMap(({ tables }) => tables.creations), ...views.flatMap(({ creations }) => creations)];
  const applied = checkMigrations(migrations).map(
    ({ version, name, up }) => `-- ${version} ${name}\n${up.statements.map(({ text }) => ended(text)).join('\n')}`,
  );
  const ledger = options.migrations === undefined ? [] : ledgerSql({ ...options, own, migrations });
  return [...printed(steps), ...applied, ...ledger].map((part) => `${part}\n`).join('\n');
}

/** The bookkeeping of all views is in the creations of each. */
function printed(steps: readonly Creation[]): readonly string[] {
  return [...new Set(steps.map(({ name, sql }) => `-- ${name}\n${ended(unindented(sql))}`))];
}

function ledgerSql({
  own = [],
  migrations = [],
  engine = 'postgres',
  ledgerTable,
  schema,
  set = SET_DEFAULT,
}: SchemaSqlOptions): readonly string[] {
  const ledger = new MigrationLedger(ledgerTable, schema, { name: engine, supportsSchemas: engine === 'postgres' });
  const done = [
    ...ownSteps(own).map(({ creation: { name, sql }, ...step }) => ({ ...step, name, checksum: checksumOf(sql) })),
    ...checkMigrations(migrations).map(({ version, name, checksum }) => ({ set, version, name, checksum })),
  ];
  const rows = done.map((entry) => ended(ledger.appliedSql(entry, NOW_MS[engine])));
  return [
    ...printed(ledger.tables.creations),
    ...(rows.length === 0 ? [] : [`-- All this is done.\n${rows.join('\n')}`]),
  ];
}

function ended(sql: string): string {
  return `${sql.trim().replace(/;$/, '')};`;
}

/** Takes away by how much the last line, which closes the statement, is indented in the source. */
function unindented(sql: string): string {
  const indent = /\n( +)\)[^\n]*$/.exec(sql)?.[1] ?? '';
  return indent === '' ? sql : sql.replaceAll(`\n${indent}`, '\n');
}
