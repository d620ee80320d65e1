/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The door to sql.js, as the platform's own resolution finds it.
 *
 * @module
 */
import initSqlJs from 'sql.js';
import { ProgrammingError } from '../errors.js';
import { checkedMs } from '../validation.js';
import { openNamed } from './named-memory.js';
import { openWith } from './sqljs-database.js';
import type { OpenedSqliteDatabase } from './sqlite-driver.js';
import { tellingClose } from './told-close.js';
import type { LoadSqlJsOptions, SqlJsImageDatabase } from './sqljs-database.js';

const NAME = /^[\w.-]{1,40}$/;

/** Options of {@link openSqlJs}. */
export interface OpenSqlJsOptions extends LoadSqlJsOptions {
  /** Milliseconds that a call waits for a transaction that is open on the database. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
  /**
   * 1 to 40 letters, digits, `_`, `.` and `-`: all who open this name in this thread have one database, until the last of
   * them closes it. The first one says how long calls wait. Not together with `image`.
   *
   * @defaultValue a database of one's own
   */
  readonly name?: string;
}

/**
 * Opens a database in memory.
 *
 * @example
 * ```ts
 * // Two recorders of one database, each closed by whoever opened it.
 * using here = await openSqlJs({ name: 'shop' });
 * using there = await openSqlJs({ name: 'shop' });
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time to wait, or the name, is none
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the wasm file cannot be loaded
 */
export async function openSqlJs(options: OpenSqlJsOptions = {}): Promise<SqlJsImageDatabase & OpenedSqliteDatabase> {
  const { lockTimeoutMs, name } = options;
  if (lockTimeoutMs !== undefined) checkedMs('lockTimeoutMs', lockTimeoutMs);
  if (name === undefined) return await openOwn(options);
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new ProgrammingError('name must be 1 to 40 letters, digits, _, . and -.', { details: { option: 'name' } });
  }
  if (options.image !== undefined) {
    throw new ProgrammingError('image is of no use with a name: there may be a database already. Leave one out.', {
      details: { option: 'image' },
    });
  }
  return await openNamed(name, async () => await openOwn(options));
}

async function openOwn(options: OpenSqlJsOptions): Promise<SqlJsImageDatabase & OpenedSqliteDatabase> {
  const { lockTimeoutMs } = options;
  const database = tellingClose(await openWith(initSqlJs, options));
  return Object.assign(database, {
    ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
    // Here and not in its class: the worker, which closes by itself, has no use for them.
    [Symbol.dispose]: () => database.close(),
    [Symbol.asyncDispose]: async () => database.close(),
  });
}
