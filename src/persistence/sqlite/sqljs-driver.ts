/**
 * The door to sql.js, as the platform's own resolution finds it.
 *
 * @module
 */
import initSqlJs from 'sql.js';
import { checkedMs } from '../validation.js';
import { openWith } from './sqljs-database.js';
import type { LoadSqlJsOptions, SqlJsImageDatabase } from './sqljs-database.js';

/** Options of {@link openSqlJs}. */
export interface OpenSqlJsOptions extends LoadSqlJsOptions {
  /** Milliseconds that a call waits for a transaction that is open on the database. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
}

/**
 * Opens a database in memory.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time to wait is none
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the wasm file cannot be loaded
 */
export async function openSqlJs(options: OpenSqlJsOptions = {}): Promise<SqlJsImageDatabase> {
  const { lockTimeoutMs } = options;
  if (lockTimeoutMs === undefined) return await openWith(initSqlJs, options);
  checkedMs('lockTimeoutMs', lockTimeoutMs);
  return Object.assign(await openWith(initSqlJs, options), { lockTimeoutMs });
}
