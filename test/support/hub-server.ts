/**
 * A hub behind a real address: Cloudflare's runtime on this machine, which devices reach by HTTP and WebSockets.
 *
 * @module
 */
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '../..');
const WORKER = '\0hub-worker';

// As an application would write it; the name of the object is that of the log.
const WORKER_CODE = `
import { DurableObject } from 'cloudflare:workers';
import { openSyncHub } from ${JSON.stringify(join(ROOT, 'src/hub/index.ts'))};

export class Hub extends DurableObject {
  #hub = openSyncHub(this.ctx, {
    verifyToken: (token) => token !== 'bad' && { subject: token },
    seals: { keys: [new Uint8Array(32).fill(5)] },
  });
  async fetch(request) {
    if (new URL(request.url).pathname === '/sockets') return Response.json(this.ctx.getWebSockets().length);
    return (await this.#hub).fetch(request);
  }
  webSocketMessage() {}
  async webSocketClose(socket) {
    (await this.#hub).webSocketClose(socket);
  }
}
export default { fetch: (request, env) => env.HUB.getByName('main').fetch(request) };
`;

let code: Promise<string> | undefined;

/** A running hub. */
export interface HubServer {
  readonly url: string;
  /** How many listen by a WebSocket. */
  sockets(): Promise<number>;
  /** Ends the runtime, with all that it has in memory. What it has stored stays, and can be opened again. */
  close(): Promise<void>;
}

/** @param folder - of what it stores @param port - where it is to be reached. @defaultValue any */
export async function openHubServer(folder: string, port = 0): Promise<HubServer> {
  code ??= bundled();
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      name: 'hub',
      modules: [{ type: 'ESModule', path: 'hub.mjs', contents: await code }],
      compatibilityDate: '2026-10-01',
      cf: false,
      host: '127.0.0.1',
      port,
      durableObjects: { HUB: { className: 'Hub', useSQLite: true } },
      durableObjectsPersist: folder,
    }),
  );
  const url = (await runtime.ready).href.replace(/\/$/, '');
  return {
    url,
    sockets: async () => Number(await (await fetch(`${url}/sockets`)).text()),
    close: () => runtime.dispose(),
  };
}

async function bundled(): Promise<string> {
  const bundle = await rolldown({
    input: WORKER,
    cwd: ROOT,
    external: ['cloudflare:workers'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'hub-worker',
        resolveId: (id) => (id === WORKER ? id : null),
        load: (id) => (id === WORKER ? WORKER_CODE : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  return output[0].code;
}
