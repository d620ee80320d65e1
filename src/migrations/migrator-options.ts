import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { Clock } from '../util/clock.js';
import type { Migration } from './migration.js';
import type { HasTables, OwnTablesStatus } from './own-tables.js';
import type { MigrationState } from './standing.js';

/** Options of `Migrator`. */
export interface MigratorOptions {
  /** Lent; the tables are in its database. A recorder of shared tables is passed over for the one that owns them. */
  readonly recorder: SqlRecorder;
  /** The application's own, in any order. @defaultValue none */
  readonly migrations?: readonly Migration[] | undefined;
  /** What has tables of Daybook's, which are made before the application's migrations: recorders, outboxes, indexes … @defaultValue none */
  readonly own?: readonly HasTables[] | undefined;
  /** Names the migrations among those of other applications in one ledger. @defaultValue `application` */
  readonly set?: string | undefined;
  /** The table of the ledger: 1 to 40 letters, digits and `_`. @defaultValue `migration_ledger` */
  readonly ledgerTable?: string | undefined;
  /** Of the ledger; PostgreSQL only. @defaultValue the first of the search path */
  readonly schema?: string | undefined;
  /** Milliseconds to wait for another process that migrates. @defaultValue 600,000 */
  readonly waitMs?: number | undefined;
  /**
   * Milliseconds that a statement waits for a lock on PostgreSQL, for which all who come after it wait, too; then the migration
   * is taken back, and tried again, ten times. 0 is for ever.
   *
   * @defaultValue 2,000
   */
  readonly lockTimeoutMs?: number | undefined;
  /** @defaultValue the system's */
  readonly clock?: Clock | undefined;
}

/** Options of `Migrator.up`. */
export interface UpOptions {
  /** The last version that is applied. @defaultValue the last one that is given */
  readonly to?: number | undefined;
  /** Applies those, too, whose version is below one that was applied. @defaultValue false: they are refused */
  readonly allowOutOfOrder?: boolean | undefined;
  /** Ends it between two migrations, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `Migrator.down`. */
export interface DownOptions {
  /** The last version that stays; 0 for none. @defaultValue the one before the last that is applied */
  readonly to?: number | undefined;
  /** Whether it may lose data. @defaultValue false: statements that may lose some are refused, but for tables without rows */
  readonly mayLoseData?: boolean | undefined;
  /** Ends it between two migrations, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A migration, and what became of it. */
export interface MigrationStatus {
  readonly version: number;
  readonly name: string;
  readonly state: MigrationState;
  /** By the clock of who did it; `undefined` where it is not applied. */
  readonly appliedAt: Date | undefined;
  readonly durationMs: number | undefined;
  readonly hasDown: boolean;
}

/** Where a database stands. */
export interface MigratorStatus {
  /** In the order of their versions. */
  readonly migrations: readonly MigrationStatus[];
  /** In the order in which they were given. */
  readonly own: readonly OwnTablesStatus[];
  /** Whether `up` would find nothing to do, and nothing that is wrong. */
  readonly isCurrent: boolean;
}

/** A migration that is to be carried out. */
export interface PlannedMigration {
  readonly version: number;
  readonly name: string;
  readonly direction: 'up' | 'down';
  readonly isTransactional: boolean;
  readonly statements: readonly string[];
}

/** What would be done. */
export interface MigrationPlan {
  /** Steps of Daybook's own tables that are missing, as SQL. */
  readonly own: readonly { readonly table: string; readonly statements: readonly string[] }[];
  readonly migrations: readonly PlannedMigration[];
}
