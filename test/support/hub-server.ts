/**
 * A hub behind a real address: Cloudflare's runtime on this machine, which devices reach by HTTP and WebSockets.
 *
 * @module
 */
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '../..');
const WORKER = '\0hub-worker';

const source = (path: string): string => JSON.stringify(join(ROOT, 'src', path));

// As an application would write it. With HYPERDRIVE the hub brings its log into PostgreSQL; with HOME=worker there is no hub, and
// each request is answered by PostgreSQL.
const WORKER_CODE = `
import { DurableObject } from 'cloudflare:workers';
import { openSyncHub } from ${source('hub/index.ts')};
import { createPgPool, PostgresProcessRecorder } from ${source('persistence/postgres/index.ts')};
import { createSyncServer, PostgresUnitLog } from ${source('server/index.ts')};

const seals = { keys: [new Uint8Array(32).fill(5)] };
const verifyToken = (token) => token !== 'bad' && { subject: token };

// What is open is of one event only.
async function openLog({ HYPERDRIVE, NAME }) {
  const pool = await createPgPool({ connectionString: HYPERDRIVE.connectionString, poolSize: 1, maxOverflow: 0 });
  const recorder = new PostgresProcessRecorder({ pool, applicationName: NAME });
  const log = new PostgresUnitLog({ recorder, name: NAME + '_log', seals });
  return { log, close: () => pool.end() };
}

async function answer(request, env, context) {
  const { log, close } = await openLog(env);
  const response = await createSyncServer({ unitLog: log, verifyToken }).fetch(request);
  // A stream goes on reading the log until nobody wants it any more.
  if (request.url.includes('/live')) request.signal.addEventListener('abort', () => void close());
  else context.waitUntil(close());
  return response;
}

export class Hub extends DurableObject {
  #hub = openSyncHub(this.ctx, {
    verifyToken,
    seals,
    ...(this.env.HYPERDRIVE === undefined ? {} : { forward: { open: () => openLog(this.env) } }),
  });
  async alarm() {
    await (await this.#hub).alarm();
  }
  async fetch(request) {
    if (new URL(request.url).pathname === '/sockets') return Response.json(this.ctx.getWebSockets().length);
    return (await this.#hub).fetch(request);
  }
  webSocketMessage() {}
  async webSocketClose(socket) {
    (await this.#hub).webSocketClose(socket);
  }
}
export default {
  fetch: (request, env, context) =>
    env.HOME === 'worker' ? answer(request, env, context) : env.HUB.getByName('main').fetch(request),
};
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

/** Options of {@link openHubServer}. */
export interface HubServerOptions {
  /** Where it is to be reached. @defaultValue any */
  readonly port?: number;
  /** A database in which there is a log of that name. @defaultValue none */
  readonly postgres?: { readonly url: string; readonly name: string };
  /** Whether requests are answered by PostgreSQL, and there is no hub. @defaultValue false */
  readonly isWorkerAlone?: boolean;
}

/** @param folder - of what it stores */
export async function openHubServer(
  folder: string,
  { port = 0, postgres, isWorkerAlone = false }: HubServerOptions = {},
): Promise<HubServer> {
  code ??= bundled();
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      name: 'hub',
      modules: [{ type: 'ESModule', path: 'hub.mjs', contents: await code }],
      compatibilityDate: '2026-10-01',
      cf: false,
      host: '127.0.0.1',
      port,
      compatibilityFlags: ['nodejs_compat'],
      bindings: { HOME: isWorkerAlone ? 'worker' : 'hub', NAME: postgres?.name ?? '' },
      ...(postgres === undefined ? {} : { hyperdrives: { HYPERDRIVE: postgres.url } }),
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
    // What the runtime has of Node by its flag is external, too.
    external: ['cloudflare:workers', /^node:/, ...builtinModules],
    platform: 'node',
    resolve: { conditionNames: ['workerd'] },
    logLevel: 'silent',
    plugins: [
      {
        name: 'hub-worker',
        // What pg looks for, and does without.
        resolveId: (id) => (id === WORKER || id === 'pg-native' ? id : null),
        load: (id) => (id === WORKER ? WORKER_CODE : id === 'pg-native' ? 'export default undefined;' : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  // Where a module lies in the runtime, it does not say; it has what is required of Node anywhere.
  return output[0].code.replaceAll('import.meta.url', "'file:///hub.mjs'");
}
