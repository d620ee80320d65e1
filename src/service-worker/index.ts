/**
 * What a service worker can do for a store while no page is open: send what is pending.
 *
 * @module
 */
export { pushPending } from './push-pending.js';
export type { PushPendingOptions, PushPendingResult } from './push-pending.js';
export type { GetToken } from '../sync/exchange/server-requests.js';
