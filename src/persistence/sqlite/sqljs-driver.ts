/**
 * The door to sql.js, as the platform's own resolution finds it.
 *
 * @module
 */
import initSqlJs from 'sql.js';
import { openWith } from './sqljs-database.js';
import type { OpenSqlJsOptions, SqlJsImageDatabase } from './sqljs-database.js';

/**
 * Opens a database in memory.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the wasm file cannot be loaded
 */
export async function openSqlJs(options: OpenSqlJsOptions = {}): Promise<SqlJsImageDatabase> {
  return await openWith(initSqlJs, options);
}
