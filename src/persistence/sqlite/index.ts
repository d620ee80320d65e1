/**
 * SQLite recorders: over any synchronous driver, with sql.js ready to use.
 *
 * @module
 */
export type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
export { sqliteError } from './sqlite-errors.js';
export { SqliteProcessRecorder } from './sqlite-recorder.js';
export { openSqlJs } from './sqljs-driver.js';
export type { OpenSqlJsOptions } from './sqljs-driver.js';
