/**
 * The PostgreSQL recorders: over any client library, with `pg` ready to use.
 *
 * @module
 */
export { clientPerUse } from './client-per-use.js';
export { POOL_PRESETS } from './pg-pool-options.js';
export type { PgAddress, PgPoolOptions, PoolSizes, PoolStats } from './pg-pool-options.js';
export { createPgPool } from './pg-pool.js';
export type { PgPool } from './pg-pool.js';
export { postgresJsPool } from './postgres-js-driver.js';
export type { PostgresJsPool, PostgresJsOverrides, PostgresJsSql, PostgresJsType } from './postgres-js-driver.js';
export type { ConnectionPoolOptions } from './connection-pool.js';
export { pgliteDriver } from './pglite-driver.js';
export type { PgliteDatabase } from './pglite-driver.js';
export {
  ConnectionNotFromPoolError,
  ConnectionPoolClosedError,
  ConnectionUnavailableError,
  POOL_ERRORS,
} from '../pool-errors.js';
export type {
  PostgresClient,
  PostgresConnection,
  PostgresConnector,
  PostgresPool,
  PostgresQueryable,
  PostgresResult,
  PostgresRow,
} from './postgres-driver.js';
export { postgresOptionsFromEnvironment } from './postgres-environment.js';
export type { PostgresSettings } from './postgres-environment.js';
export { postgresError } from './postgres-errors.js';
export { PostgresFactory } from './postgres-factory.js';
export type { PostgresProcessRecorderOptions, PostgresRecorderOptions } from './postgres-recorder-options.js';
export {
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  PostgresProcessRecorder,
} from './postgres-recorder.js';
export type { PostgresAggregateRecorderOptions } from './postgres-recorder.js';
export { createPayloadView } from './postgres-payloads.js';
export type { PayloadViewOptions } from './postgres-payloads.js';
export type { PayloadField } from '../sql/payload-fields.js';
export { createPostgresSchema } from './postgres-create.js';
export { postgresAggregateTable, postgresTables } from './postgres-schema.js';
export type {
  PostgresAggregateTable,
  PostgresAggregateTableOptions,
  PostgresEventColumns,
  PostgresTableOptions,
  PostgresTables,
  PythonEventColumns,
  PythonLayout,
} from './postgres-schema.js';
export { singleClient } from './single-client.js';
export type { LentConnection } from './single-client.js';
export type { SubscribeOptions } from '../looking-subscription.js';
export type { PostgresSharing } from './postgres-tenants.js';
