/**
 * The sync server, as a `fetch` handler for any runtime. Hosts are in `daybook/node`.
 *
 * @module
 */
export { ForbiddenError, UnauthorizedError, UnavailableError } from '../sync/protocol/index.js';
export { DuplicateEventError } from '../persistence/duplicate-event-error.js';
export type { InlinePushes } from './inline-pushes.js';
export type { ServerAuthOptions } from './access/server-auth.js';
export { createSyncServer, HEALTH_PATH } from './sync-server.js';
export type { RecordedPush, SyncServer, SyncServerOptions } from './sync-server.js';
export type { VerifyToken } from './access/token-check.js';
