import { openNodeSqlite } from './node-sqlite-driver.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteFactory } from './sqlite-factory.js';

/**
 * `node:sqlite` as a persistence module, by convention `node-sqlite`. `SQLITE_DBNAME` is a file, `:memory:`, or
 * `file:name?mode=memory&cache=shared`.
 *
 * @example
 * ```ts
 * InfrastructureFactory.register('node-sqlite', NodeSqliteFactory);
 * ```
 */
export class NodeSqliteFactory extends SqliteFactory {
  protected override async open(): Promise<SqliteDatabase> {
    const { databaseName: path, lockTimeoutMs } = this.settings;
    return await openNodeSqlite({ path, lockTimeoutMs });
  }
}
