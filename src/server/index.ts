/**
 * The sync server, as a `fetch` handler for any runtime. Hosts are in `daybook/node`.
 *
 * @module
 */
export { ForbiddenError, UnauthorizedError, UnavailableError } from '../sync/protocol/index.js';
export { DuplicateEventError } from '../persistence/duplicate-event-error.js';
export type { InlinePushes } from './log/inline-units.js';
export { MemoryReplicaStore } from './access/replica-store.js';
export type {
  NewReplica,
  ReplicaKey,
  ReplicaRecord,
  ReplicaSeen,
  ReplicaSelection,
  ReplicaStore,
  Revocation,
} from './access/replica-store.js';
export { copyReplicas } from './access/copy-replicas.js';
export type { ReplicasCopy } from './access/copy-replicas.js';
export { ReplicaRegistry, REVOCATION_SEEN_MS } from './access/replica-registry.js';
export type { ReplicaName, ReplicaRegistryOptions, ReplicaVisit } from './access/replica-registry.js';
export { SqlReplicaStore } from './access/sql-replica-store.js';
export type { SqlReplicaStoreOptions } from './access/sql-replica-store.js';
export type { ClientAddress } from './access/limit-middleware.js';
export type { RequestLimitOptions } from './access/limit-options.js';
export type { ClaimPath, JwtOptions } from './access/jwt-options.js';
export type { ServerAuthOptions, StaticToken } from './access/server-auth.js';
export type { VerifyToken } from './access/token-check.js';
export type { Visitor } from './access/visitor.js';
export type { RequestLine, RequestLog, RequestLogOptions } from './observing/request-log.js';
export type { PoolStanding } from './observing/telemetry.js';
export type * from './observing/telemetry-api.js';
export { HEALTH_PATH, READY_PATH } from './server-front.js';
export type { ServerFrontOptions } from './server-front.js';
export { createKeyHandler } from './key-handler.js';
export type { KeyAuthority, KeyHandlerOptions } from './key-handler.js';
export { createSyncServer } from './sync-server.js';
export type { SyncServer } from './sync-server.js';
export type { HeadNews } from './live/head-news.js';
export type { RecordedPush, SyncServerOptions, TenantUnitLogs } from './sync-server-options.js';
export type { LiveLine } from './unit-routes.js';
export type { AuthorizePull, AuthorizePush, Refusal, UnitAuthorityOptions } from './unit-authority.js';
export type { HealAnswer, HealDecision, SyncLimits } from '../sync/protocol/index.js';
export { MemoryUnitLog } from './log/memory-unit-log.js';
export type { MemoryLogBackup } from './log/memory-unit-log.js';
export { PostgresUnitLog } from './log/postgres/postgres-unit-log.js';
export type { PostgresUnitLogOptions } from './log/postgres/postgres-unit-log.js';
export { SqliteUnitLog } from './log/sqlite/sqlite-unit-log.js';
export type { SqliteUnitLogOptions } from './log/sqlite/sqlite-unit-log.js';
export { StoredUnitLog } from './log/stored-unit-log.js';
export type { SentLimits, SentUnits, UnitLogOptions } from './log/stored-unit-log.js';
export type {
  AllowedUnit,
  Authorize,
  Decision,
  PageOptions,
  PushOutcome,
  RefusedUnit,
  RefusedUnitsSelection,
  Sender,
  UnitLog,
  Visibility,
} from './log/unit-log.js';
export type { RefusedUnitsOptions } from './log/refused-units.js';
export type { SealOptions } from './log/unit-seals.js';
export { PostgresTenants, tenantSchema } from './tenants/postgres-tenants.js';
export type { PostgresTenantsOptions, TenantMove, TenantPlace } from './tenants/postgres-tenants.js';
export type { MovedLog, MovedRows, MoveOptions, MoveProgress } from './tenants/move-log.js';
export type { RemovedRows, TenantStanding } from './tenants/old-copy.js';
export { TenantLogs } from './tenants/tenant-logs.js';
export type { OpenTenant, TenantLogsOptions } from './tenants/tenant-logs.js';
