/** A hub for each tenant, with its log in PostgreSQL too, where there is one. */
import { DurableObject } from 'cloudflare:workers';
import { copyLog, openSyncHub, tenantOf } from 'daybook/hub';
import type { SyncHub } from 'daybook/hub';
import { HOME_KEY, HOME_OPTIONS } from '../../support/homes/home-options.js';
import { openTenantLog } from './tenant-log.js';

/** What is bound. */
export interface Env {
  readonly HUB: DurableObjectNamespace<Hub>;
  readonly HYPERDRIVE?: Hyperdrive;
  /** Whether each unit goes on to PostgreSQL; else it is for moving only. */
  readonly FORWARDS?: string;
}

/** The log of one tenant. */
export class Hub extends DurableObject<Env> {
  readonly #hub: Promise<SyncHub> = this.#open();

  async #open(): Promise<SyncHub> {
    const tenant = this.ctx.id.name ?? '';
    const { HYPERDRIVE, FORWARDS } = this.env;
    const open = async () => {
      const name = (await this.ctx.storage.get<string>('tables')) ?? tenant;
      return openTenantLog(HYPERDRIVE?.connectionString ?? '', tenant, name);
    };
    return await openSyncHub(this.ctx, {
      ...HOME_OPTIONS,
      tenant,
      seals: { keys: [HOME_KEY] },
      ...(FORWARDS === undefined ? {} : { forward: { open } }),
      onJobFailed: () => undefined,
    });
  }

  override async fetch(request: Request): Promise<Response> {
    const hub = await this.#hub;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.endsWith('/forwarded')) return Response.json((await hub.forwarded()) ?? null);
    if (pathname.endsWith('/tables')) {
      await this.ctx.storage.put('tables', searchParams.get('name'));
      return Response.json(null);
    }
    if (pathname.endsWith('/move')) {
      const tenant = this.ctx.id.name ?? '';
      const { log, close } = await openTenantLog(this.env.HYPERDRIVE?.connectionString ?? '', tenant, tenant);
      const [from, to] = searchParams.get('to') === 'hub' ? [log, hub.unitLog] : [hub.unitLog, log];
      const copy = await copyLog(from, to);
      await close();
      return Response.json(copy);
    }
    return await hub.fetch(request);
  }

  override async alarm(): Promise<void> {
    await (await this.#hub).alarm();
  }

  override webSocketMessage(): void {
    // Signs of life, which the runtime answers while the object sleeps.
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    (await this.#hub).webSocketClose(socket);
  }
}

const worker: ExportedHandler<Env> = {
  fetch: (request, { HUB }) => HUB.getByName(tenantOf(request) ?? 'main').fetch(request),
};
export { worker as default };
