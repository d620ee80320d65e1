/**
 * What is used of Cloudflare's objects beyond their storage, by shape: nothing of theirs is imported, and their types fit.
 *
 * @module
 */
import type { ObjectContext } from '../persistence/durable-object/object-storage.js';

/** A WebSocket on the side of the object. */
export interface HubSocket {
  send(message: string): void;
  close(code?: number, reason?: string): void;
  serializeAttachment(attachment: unknown): void;
  deserializeAttachment(): unknown;
}

/** `ctx` of a Durable Object that keeps WebSockets while it is asleep. */
export interface HubContext extends ObjectContext {
  acceptWebSocket(socket: HubSocket, tags?: string[]): void;
  getWebSockets(tag?: string): HubSocket[];
  setWebSocketAutoResponse(pair?: unknown): void;
  waitUntil(promise: Promise<unknown>): void;
}

/** What the runtime has as globals. */
interface HubGlobals {
  readonly WebSocketPair: new () => { readonly 0: WebSocket; readonly 1: HubSocket };
  readonly WebSocketRequestResponsePair: new (request: string, response: string) => unknown;
}

/** The globals of the runtime, which others do not have. */
export function hubGlobals(): HubGlobals {
  return globalThis as unknown as HubGlobals;
}
