import type { Environment } from '../../environment/environment.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteFactory } from './sqlite-factory.js';
import { openSqlJs } from './sqljs-driver.js';

const IN_MEMORY = ':memory:';

/**
 * sql.js as a persistence module, by convention `sqljs`. It has no files: `SQLITE_DBNAME` must be `:memory:`, so that
 * nobody takes what ends with the process for a file.
 *
 * @example
 * ```ts
 * InfrastructureFactory.register('sqljs', SqlJsFactory);
 * ```
 */
export class SqlJsFactory extends SqliteFactory {
  /** @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing or wrong */
  constructor(environment: Environment) {
    super(environment);
    if (this.settings.databaseName !== IN_MEMORY) {
      throw environment.refusal('SQLITE_DBNAME', `${IN_MEMORY}, the only database that sql.js has`);
    }
  }

  protected override async open(): Promise<SqliteDatabase> {
    return await openSqlJs({ lockTimeoutMs: this.settings.lockTimeoutMs });
  }
}
