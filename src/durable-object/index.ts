/**
 * The store in a Cloudflare Durable Object. Nothing of Cloudflare's is imported: its objects are taken by their shape.
 *
 * @module
 *
 * @example
 * ```ts
 * export class Orders extends DurableObject {
 *   readonly #recorder = this.ctx.blockConcurrencyWhile(() => openObjectRecorder(this.ctx.storage));
 * }
 * ```
 */
export { openObjectRecorder } from '../persistence/durable-object/object-recorder.js';
export { objectSqlite } from '../persistence/durable-object/object-sqlite.js';
export type { ObjectDatabase, RecordingListener } from '../persistence/durable-object/object-sqlite.js';
export {
  OBJECT_COLUMNS_MAX,
  OBJECT_PARAMETERS_MAX,
  OBJECT_ROW_BYTES_MAX,
} from '../persistence/durable-object/object-limits.js';
export type { ObjectContext, ObjectCursor, ObjectStorage } from '../persistence/durable-object/object-storage.js';
export { SqliteProcessRecorder } from '../persistence/sqlite/sqlite-recorder.js';
export type { SqliteConnection } from '../persistence/sqlite/sqlite-connection.js';
export type { SqliteTableOptions } from '../persistence/sqlite/sqlite-replica.js';
