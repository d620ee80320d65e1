/**
 * Workers behind a real address: Cloudflare's runtime on this machine, which devices reach by HTTP and WebSockets.
 *
 * @module
 */
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '../..');
const SEAL_KEY = Buffer.alloc(32, 5).toString('base64');
const example = (path: string): string => JSON.stringify(join(ROOT, 'examples', path));
const source = (path: string): string => JSON.stringify(join(ROOT, 'src', path));

/** Workers by name, as code. */
const WORKERS = {
  /** The example, and a way to ask who listens. */
  hub: `
    import { Hub as Example } from ${example('edge-hub/hub-worker.ts')};
    export { default } from ${example('edge-hub/hub-worker.ts')};
    export class Hub extends Example {
      async fetch(request) {
        if (new URL(request.url).pathname === '/sockets') return Response.json(this.ctx.getWebSockets().length);
        return await super.fetch(request);
      }
    }`,
  /** No object: each request is answered by PostgreSQL, as docs/edge.md says. */
  postgres: `
    import { createPgPool, PostgresProcessRecorder } from ${source('persistence/postgres/index.ts')};
    import { createSyncServer, PostgresUnitLog } from ${source('server/index.ts')};
    async function answer(request, { HYPERDRIVE, APPLICATION_NAME: applicationName, TOKENS }) {
      const { connectionString } = HYPERDRIVE;
      const pool = await createPgPool({ connectionString, poolSize: 1, maxOverflow: 0 });
      const recorder = new PostgresProcessRecorder({ pool, applicationName });
      const unitLog = new PostgresUnitLog({ recorder, name: applicationName + '_log' });
      const tokens = Object.entries(JSON.parse(TOKENS)).map(([token, subject]) => ({ token, subject }));
      const response = await createSyncServer({ unitLog, tokens }).fetch(request);
      // A stream goes on reading the log until nobody wants it any more.
      const isStream = new URL(request.url).pathname.endsWith('/live');
      if (isStream) request.signal.addEventListener('abort', () => void pool.end());
      else await pool.end();
      return response;
    }
    export default { fetch: answer };`,
  /** The example. */
  stations: `export { default, Station } from ${example('edge-worker/stations-worker.ts')};`,
};

/** The objects that they have, by binding. */
const OBJECTS: Readonly<Record<keyof typeof WORKERS, Readonly<Record<string, string>>>> = {
  hub: { HUB: 'Hub' },
  postgres: {},
  stations: { STATIONS: 'Station' },
};

const bundles = new Map<keyof typeof WORKERS, Promise<string>>();

/** A running Worker. */
export interface HubServer {
  readonly url: string;
  /** How many listen by a WebSocket. */
  sockets(): Promise<number>;
  /** Ends the runtime, with all that it has in memory. What it has stored stays, and can be opened again. */
  close(): Promise<void>;
}

/** Options of {@link openHubServer}. */
export interface HubServerOptions {
  /** @defaultValue `hub` */
  readonly worker?: keyof typeof WORKERS;
  /** Where it is to be reached. @defaultValue any */
  readonly port?: number;
  /** A database in which there is a log of that name. @defaultValue none */
  readonly postgres?: { readonly url: string; readonly name: string } | undefined;
}

/** @param folder - of what it stores */
export async function openHubServer(
  folder: string,
  { worker = 'hub', port = 0, postgres }: HubServerOptions = {},
): Promise<HubServer> {
  const code = bundles.get(worker) ?? bundled(WORKERS[worker]);
  bundles.set(worker, code);
  const objects = Object.entries(OBJECTS[worker]).map(([binding, className]) => [
    binding,
    { className, useSQLite: true },
  ]);
  const runtime = new Miniflare({
    ...convertV4MiniflareOptions({
      name: worker,
      modules: [{ type: 'ESModule', path: 'worker.mjs', contents: await code }],
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['nodejs_compat'],
      cf: false,
      host: '127.0.0.1',
      port,
      bindings: {
        TOKENS: JSON.stringify({ ann: 'ann', bert: 'bert' }),
        SEAL_KEY,
        ...(postgres === undefined ? {} : { APPLICATION_NAME: postgres.name }),
      },
      ...(postgres === undefined ? {} : { hyperdrives: { HYPERDRIVE: postgres.url } }),
      durableObjects: Object.fromEntries(objects),
    }),
    resourcePersistencePath: folder,
  });
  const url = (await runtime.ready).href.replace(/\/$/, '');
  return {
    url,
    sockets: async () => Number(await (await fetch(`${url}/sockets`)).text()),
    close: () => runtime.dispose(),
  };
}

async function bundled(worker: string): Promise<string> {
  const virtual: Readonly<Record<string, string>> = {
    '\0worker': worker,
    // What pg looks for, and does without.
    'pg-native': 'export default undefined;',
  };
  const bundle = await rolldown({
    input: '\0worker',
    cwd: ROOT,
    // What the runtime has of Node by its flag is external, too.
    external: ['cloudflare:workers', /^node:/, ...builtinModules],
    platform: 'node',
    tsconfig: join(ROOT, 'tsconfig.json'),
    resolve: { conditionNames: ['workerd'] },
    logLevel: 'silent',
    plugins: [
      {
        name: 'workers',
        resolveId: (id) => (id in virtual ? id : null),
        load: (id) => virtual[id] ?? null,
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  // Where a module lies in the runtime, it does not say; it has what is required of Node anywhere.
  return output[0].code.replaceAll('import.meta.url', "'file:///worker.mjs'");
}
