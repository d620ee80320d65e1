/**
 * The PostgreSQL recorder: over any client library, with `pg` ready to use.
 *
 * @module
 */
export { createPgPool } from './pg-pool.js';
export type { PgPool, PgPoolOptions } from './pg-pool.js';
export type {
  PostgresClient,
  PostgresPool,
  PostgresQueryable,
  PostgresResult,
  PostgresRow,
} from './postgres-driver.js';
export { postgresError } from './postgres-errors.js';
export { PostgresProcessRecorder } from './postgres-recorder.js';
export type { PostgresRecorderOptions } from './postgres-recorder.js';
export { postgresTables } from './postgres-schema.js';
export type { PostgresTableOptions, PostgresTables } from './postgres-schema.js';
