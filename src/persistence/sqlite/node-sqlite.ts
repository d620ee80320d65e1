/**
 * SQLite on Node's own driver: durable files that several processes may write.
 *
 * @module
 */
export { openNodeSqlite } from './node-sqlite-driver.js';
export type { OpenNodeSqliteOptions } from './node-sqlite-driver.js';
export { NodeSqliteFactory } from './node-sqlite-factory.js';
export { SqliteAggregateRecorder, SqliteApplicationRecorder, SqliteProcessRecorder } from './sqlite-recorder.js';
export type { OpenedSqliteDatabase } from './sqlite-driver.js';
export type { SqliteConnection } from './sqlite-connection.js';
