/**
 * Workers behind a real address: Cloudflare's runtime on this machine, which devices reach by HTTP and WebSockets.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { bundleProgram } from './bundle-program.js';

const ROOT = join(import.meta.dirname, '../..');
// Node says on it which processes it has begun.
const STARTED = 'child_process';
const SEAL_KEY = Buffer.alloc(32, 5).toString('base64');
const example = (path: string): string => JSON.stringify(join(ROOT, 'examples', path));
const ofTests = (path: string): string => JSON.stringify(join(ROOT, 'test/workerd', path));
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
  /** Of a server's homes. */
  homeHub: `export { default, Hub } from ${ofTests('homes/hub-worker.ts')};`,
  homePostgres: `export { default } from ${ofTests('homes/postgres-worker.ts')};`,
};

/** The objects that they have, by binding. */
const OBJECTS: Readonly<Record<keyof typeof WORKERS, Readonly<Record<string, string>>>> = {
  hub: { HUB: 'Hub' },
  postgres: {},
  stations: { STATIONS: 'Station' },
  homeHub: { HUB: 'Hub' },
  homePostgres: {},
};

const bundles = new Map<keyof typeof WORKERS, Promise<string>>();

/** A running Worker. */
export interface HubServer {
  readonly url: string;
  /** How many listen by a WebSocket. */
  sockets(): Promise<number>;
  /** Ends the runtime, with all that it has in memory. What it has stored stays, and can be opened again. */
  close(): Promise<void>;
  /** The same, as the system does it, which asks nobody. */
  kill(): Promise<void>;
}

/** Options of {@link openHubServer}. */
export interface HubServerOptions {
  /** @defaultValue `hub` */
  readonly worker?: keyof typeof WORKERS;
  /** Where it is to be reached. @defaultValue any */
  readonly port?: number;
  /** A database in which there is a log of that name. @defaultValue none */
  readonly postgres?: { readonly url: string; readonly name: string } | undefined;
  /** What else is bound. */
  readonly bindings?: Readonly<Record<string, string>>;
}

/** @param folder - of what it stores */
export async function openHubServer(
  folder: string,
  { worker = 'hub', port = 0, postgres, bindings = {} }: HubServerOptions = {},
): Promise<HubServer> {
  const code = bundles.get(worker) ?? bundleProgram(WORKERS[worker], 'workerd');
  bundles.set(worker, code);
  const objects = Object.entries(OBJECTS[worker]).map(([binding, className]) => [
    binding,
    { className, useSQLite: true },
  ]);
  const started: ChildProcess[] = [];
  const note = (message: unknown): void => void started.push((message as { readonly process: ChildProcess }).process);
  subscribe(STARTED, note);
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
        ...bindings,
        ...(postgres === undefined ? {} : { APPLICATION_NAME: postgres.name }),
      },
      ...(postgres === undefined ? {} : { hyperdrives: { HYPERDRIVE: postgres.url } }),
      durableObjects: Object.fromEntries(objects),
    }),
    resourcePersistencePath: folder,
  });
  const url = (await runtime.ready).href.replace(/\/$/, '');
  unsubscribe(STARTED, note);
  return {
    url,
    sockets: async () => Number(await (await fetch(`${url}/sockets`)).text()),
    close: () => runtime.dispose(),
    kill: async () => {
      const [process] = started.filter(({ spawnfile }) => spawnfile.endsWith('workerd'));
      if (process === undefined) throw new Error('No runtime was started.');
      if (process.signalCode !== null) return;
      const gone = once(process, 'exit');
      process.kill('SIGKILL');
      await gone;
      await runtime.dispose();
    },
  };
}
