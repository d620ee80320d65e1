/**
 * A sync server in a Cloudflare Durable Object: an object for each tenant that has its log. Nothing of Cloudflare's is imported.
 *
 * @module
 */
export { openSyncHub } from './sync-hub.js';
export type { SyncHub, SyncHubOptions } from './sync-hub.js';
export { ForwardStoppedError, LogForwarding } from './forward-log.js';
export type { ForwardOptions, ForwardStanding, ForwardTarget } from './forward-log.js';
export type { HubContext, HubSocket } from './hub-context.js';
export { tenantOf } from './tenant-of.js';
export { SqliteUnitLog } from '../server/index.js';
export type { SqliteUnitLogOptions } from '../server/index.js';
