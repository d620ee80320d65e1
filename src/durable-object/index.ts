/**
 * The store in a Cloudflare Durable Object. Nothing of Cloudflare's is imported: its objects are taken by their shape.
 *
 * @module
 *
 * @example
 * ```ts
 * export class Orders extends daybookObject(DurableObject<Env>, async ({ recorder }) => ({
 *   app: new Application({ recorder, aggregates: [order] }),
 * })) {}
 * ```
 */
export { outboxJob, processJob, projectionJob } from './alarm-job.js';
export type { AlarmJob, AlarmJobResult } from './alarm-job.js';
export { daybookObject, openDaybookObject } from './daybook-object.js';
export type { DaybookObject, DaybookObjectOptions, ObjectMeans, ObjectParts, OpenedParts } from './daybook-object.js';
export { openObjectRecorder } from '../persistence/durable-object/object-recorder.js';
export { objectSqlite } from '../persistence/durable-object/object-sqlite.js';
export type { SqliteDatabase } from '../persistence/sqlite/sqlite-driver.js';
export {
  OBJECT_COLUMNS_MAX,
  OBJECT_PARAMETERS_MAX,
  OBJECT_ROW_BYTES_MAX,
} from '../persistence/durable-object/object-limits.js';
export type { ObjectContext, ObjectCursor, ObjectStorage } from '../persistence/durable-object/object-storage.js';
export { SqliteProcessRecorder } from '../persistence/sqlite/sqlite-recorder.js';
export type { SqliteConnection } from '../persistence/sqlite/sqlite-connection.js';
export type { SqliteTableOptions } from '../persistence/sqlite/sqlite-replica.js';
