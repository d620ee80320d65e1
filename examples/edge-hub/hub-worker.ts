/**
 * A sync server on Cloudflare: an object has the log, orders it, and serves it. With a database by Hyperdrive it also brings all
 * of it into PostgreSQL.
 *
 * @module
 */
import { DurableObject } from 'cloudflare:workers';
import { openSyncHub, tenantOf } from 'daybook/hub';
import type { ForwardTarget, SyncHub } from 'daybook/hub';
import { createPgPool, PostgresProcessRecorder } from 'daybook/postgres';
import { PostgresUnitLog } from 'daybook/server';

/** What `wrangler.jsonc` binds. */
export interface Env {
  readonly HUB: DurableObjectNamespace<Hub>;
  /** Tokens, and whose they are, as JSON: `{ "a-token": "ann" }`. A secret. */
  readonly TOKENS: string;
  /** 32 random bytes in base64. A secret: with it devices bring back what the object may lose. */
  readonly SEAL_KEY: string;
  /** Where the log is to be in PostgreSQL, too; left out, it is in the object alone. */
  readonly HYPERDRIVE?: Hyperdrive;
  /** What the tables there are called. */
  readonly APPLICATION_NAME?: string;
}

/** The log of one tenant. */
export class Hub extends DurableObject<Env> {
  protected readonly hub: Promise<SyncHub> = this.#open();

  async #open(): Promise<SyncHub> {
    const { TOKENS, SEAL_KEY, HYPERDRIVE, APPLICATION_NAME = 'stockcount' } = this.env;
    const subjects = new Map(Object.entries(JSON.parse(TOKENS) as Record<string, string>));
    const seals = { keys: [Uint8Array.from(atob(SEAL_KEY), (char) => char.charCodeAt(0))] };
    return await openSyncHub(this.ctx, {
      tokens: [...subjects].map(([token, subject]) => ({ token, subject })),
      seals,
      ...(HYPERDRIVE === undefined
        ? {}
        : { forward: { open: () => openPostgresLog(HYPERDRIVE.connectionString, APPLICATION_NAME, seals) } }),
    });
  }

  override async fetch(request: Request): Promise<Response> {
    return await (await this.hub).fetch(request);
  }

  override async alarm(): Promise<void> {
    await (await this.hub).alarm();
  }

  override webSocketMessage(): void {
    // Signs of life, which the runtime answers while the object sleeps.
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    (await this.hub).webSocketClose(socket);
  }
}

/** What a Worker has open is of one event only: this is called for each run. The tables are there already. */
async function openPostgresLog(
  connectionString: string,
  applicationName: string,
  seals: { readonly keys: readonly Uint8Array<ArrayBuffer>[] },
): Promise<ForwardTarget> {
  const pool = await createPgPool({ connectionString, poolSize: 1, maxOverflow: 0 });
  const recorder = new PostgresProcessRecorder({ pool, applicationName });
  const log = new PostgresUnitLog({ recorder, name: `${applicationName}_log`, seals });
  return { log, close: () => pool.end() };
}

const worker: ExportedHandler<Env> = {
  fetch: (request, { HUB }) => HUB.getByName(tenantOf(request) ?? 'main').fetch(request),
};
export { worker as default };
