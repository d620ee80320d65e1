/**
 * The store in Cloudflare's D1. Nothing of Cloudflare's is imported: its database is taken by its shape.
 *
 * @module
 *
 * @example
 * ```ts
 * const recorder = new D1ProcessRecorder(env.DB);
 * const app = new Application({ recorder, aggregates: [order] });
 * ```
 */
export type { D1ConnectionOptions } from '../persistence/d1/d1-connection.js';
export type { D1Answer, D1Session, D1Source, D1Statement } from '../persistence/d1/d1-database.js';
export {
  D1_COLUMNS_MAX,
  D1_PARAMETERS_MAX,
  D1_ROW_BYTES_MAX,
  D1_STATEMENT_BYTES_MAX,
  D1_STATEMENTS_MAX,
} from '../persistence/d1/d1-limits.js';
export { D1ProcessRecorder } from '../persistence/d1/d1-recorder.js';
export type { D1RecorderOptions } from '../persistence/d1/d1-recorder.js';
export type { D1TableOptions } from '../persistence/d1/d1-schema.js';
export { D1SnapshotStore } from '../persistence/d1/d1-snapshot-store.js';
export type { D1SnapshotStoreOptions } from '../persistence/d1/d1-snapshot-store.js';
export type { BatchRecorder, SqlStatement, StatementsBeside } from '../persistence/sql/batch-recorder.js';
