/**
 * SQLite recorders: over any synchronous driver, with sql.js ready to use. `daybook/node-sqlite` has Node's own.
 *
 * @module
 */
export type { OpenedSqliteDatabase, SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
export { steppedUnit } from '../serial/unit-of-work.js';
export type { UnitOfWork, UnitSteps } from '../serial/unit-of-work.js';
export { sqliteError } from './sqlite-errors.js';
export { SqliteAggregateRecorder, SqliteApplicationRecorder, SqliteProcessRecorder } from './sqlite-recorder.js';
export type { SqliteAggregateRecorderOptions } from './sqlite-recorder.js';
export type { SqliteTableOptions } from './sqlite-replica.js';
export { SqliteFactory } from './sqlite-factory.js';
export type { SqliteSettings } from './sqlite-factory.js';
export { SqlJsFactory } from './sqljs-factory.js';
export { openSqlJs } from './sqljs-driver.js';
export type { OpenSqlJsOptions } from './sqljs-driver.js';
export type { SqliteConnection } from './sqlite-connection.js';
export { createPayloadView } from './sqlite-payloads.js';
export type { PayloadViewOptions } from './sqlite-payloads.js';
export type { PayloadField } from '../sql/payload-fields.js';
