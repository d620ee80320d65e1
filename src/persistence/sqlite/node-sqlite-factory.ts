import { openNodeSqlite } from './node-sqlite-driver.js';
import { nameInMemory } from './named-memory.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteFactory } from './sqlite-factory.js';

/**
 * `node:sqlite` as a persistence module, by convention `node-sqlite`. `SQLITE_DBNAME` is a file, `:memory:`, `memory:name`, or
 * `file:name?mode=memory&cache=shared`.
 *
 * @example
 * ```ts
 * InfrastructureFactory.register('node-sqlite', NodeSqliteFactory);
 * ```
 */
export class NodeSqliteFactory extends SqliteFactory {
  protected override async open(): Promise<SqliteDatabase> {
    const { databaseName, lockTimeoutMs } = this.settings;
    const name = nameInMemory(databaseName);
    const inMemory = name === '' ? ':memory:' : `file:${name}?mode=memory&cache=shared`;
    // Its own forms of it go to SQLite as they are.
    const path = databaseName.startsWith('memory:') && name !== undefined ? inMemory : databaseName;
    return await openNodeSqlite({ path, lockTimeoutMs });
  }
}
