import { DurableObject } from 'cloudflare:workers';
import { openSyncHub } from '../../../src/hub/sync-hub.js';
import type { SyncHub } from '../../../src/hub/sync-hub.js';

/** Who may use it. The last one is taken out by a test. */
export const HUB_TOKENS: readonly string[] = ['ann', 'bert', 'eve'];
const revoked = new Set<string>();

/** A hub as an application would write it. */
export class HubObject extends DurableObject {
  readonly #hub: Promise<SyncHub> = openSyncHub(this.ctx, {
    verifyToken: (token) => HUB_TOKENS.includes(token) && !revoked.has(token) && { subject: token },
    seals: { keys: [new Uint8Array(32).fill(5)] },
    clientAddress: (request) => request.headers.get('x-address') ?? undefined,
    log: () => undefined,
  });

  /** From now on it is no good token, in whatever object. */
  revoke(token: string): void {
    revoked.add(token);
  }

  /** What did not come into the log, whole. */
  async aside(): Promise<readonly { readonly id: string; readonly code: string; readonly events: number }[]> {
    const refused = await (await this.#hub).unitLog.refused({ limit: 100 });
    return refused.map(({ id, code, unit }) => ({ id, code, events: unit?.events.length ?? 0 }));
  }

  override async fetch(request: Request): Promise<Response> {
    return await (await this.#hub).fetch(request);
  }

  override webSocketMessage(): void {
    // Nothing is said but signs of life, which the runtime answers.
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    (await this.#hub).webSocketClose(socket);
  }
}
