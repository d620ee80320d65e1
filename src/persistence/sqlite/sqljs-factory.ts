import type { Environment } from '../../environment/environment.js';
import { nameInMemory } from './named-memory.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteFactory } from './sqlite-factory.js';
import { openSqlJs } from './sqljs-driver.js';

/**
 * sql.js as a persistence module, by convention `sqljs`. It has no files: `SQLITE_DBNAME` must be `:memory:`, or
 * `memory:name` for one that all factories of this thread share under its name, so that nobody takes what ends with the
 * process for a file.
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
    if (nameInMemory(this.settings.databaseName) === undefined) {
      throw environment.refusal('SQLITE_DBNAME', ':memory:, or memory: and a name, for sql.js has no files');
    }
  }

  protected override async open(): Promise<SqliteDatabase> {
    const { databaseName, lockTimeoutMs } = this.settings;
    const name = nameInMemory(databaseName) ?? '';
    return await openSqlJs({ lockTimeoutMs, ...(name === '' ? {} : { name }) });
  }
}
