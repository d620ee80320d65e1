/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The door to sql.js, as the platform's own resolution finds it.
 *
 * @module
 */
import initSqlJs from 'sql.js';
import { checkedMs } from '../validation.js';
import { openWith } from './sqljs-database.js';
import type { OpenedSqliteDatabase } from './sqlite-driver.js';
import { tellingClose } from './told-close.js';
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
export async function openSqlJs(options: OpenSqlJsOptions = {}): Promise<SqlJsImageDatabase & OpenedSqliteDatabase> {
  const { lockTimeoutMs } = options;
  if (lockTimeoutMs !== undefined) checkedMs('lockTimeoutMs', lockTimeoutMs);
  const database = tellingClose(await openWith(initSqlJs, options));
  return Object.assign(database, {
    ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
    // Here and not in its class: the worker, which closes by itself, has no use for them.
    [Symbol.dispose]: () => database.close(),
    [Symbol.asyncDispose]: async () => database.close(),
  });
}
