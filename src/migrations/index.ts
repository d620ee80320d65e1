/**
 * Numbered migrations of the application's tables and of Daybook's own, on PostgreSQL, SQLite and in the browser's store.
 *
 * @module
 */
export { Migrator } from './migrator.js';
export type { MigrationDone } from './migration-run.js';
export type {
  DownOptions,
  MigrationPlan,
  MigrationStatus,
  MigratorOptions,
  MigratorStatus,
  PlannedMigration,
  UpOptions,
} from './migrator-options.js';
export type { Migration } from './migration.js';
export type { MigrationState } from './standing.js';
export { ownTablesOf } from './own-tables.js';
export type { HasCreations, HasTables, OwnTablesStatus } from './own-tables.js';
export { schemaSql } from './schema-sql.js';
export type { SchemaSqlOptions } from './schema-sql.js';
export {
  MigrationChangedError,
  MigrationError,
  MigrationFailedError,
  MigrationLosesDataError,
  MigrationOrderError,
  MigrationUnfinishedError,
} from './migration-errors.js';
