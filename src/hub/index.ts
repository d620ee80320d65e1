/**
 * A sync server in a Cloudflare Durable Object: an object for each tenant that has its log. Nothing of Cloudflare's is imported.
 *
 * @module
 */
export { openSyncHub } from './sync-hub.js';
export type { SyncHub, SyncHubOptions } from './sync-hub.js';
export { LogForwarding } from './forward-log.js';
export type { ForwardOptions, ForwardStanding, ForwardStopped, ForwardTarget } from './forward-log.js';
export { copyLog, ForwardStoppedError } from './log-copy.js';
export type { CopiedLog, CopyLogOptions, ForwardStop, LogCopy, LogCopyTarget } from './log-copy.js';
export type { HubContext, HubSocket } from './hub-context.js';
export { tenantOf } from './tenant-of.js';
export { SqliteUnitLog } from '../server/index.js';
export type { SqliteUnitLogOptions } from '../server/index.js';
