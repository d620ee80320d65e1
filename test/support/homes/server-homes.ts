/**
 * The homes that a server may have: the same protocol, and the same options, in each. All of them can be killed, and set back.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleProgram } from '../bundle-program.js';
import { openHubServer } from '../hub-server.js';
import type { HubServer, HubServerOptions } from '../hub-server.js';
import { openPostgres, uniqueName } from '../postgres-fixture.js';
import type { PostgresFixture } from '../postgres-fixture.js';
import { makeTemporaryFolder } from '../temporary-folder.js';
import { makePostgresLog } from '../unit-log-fixture.js';
import type { PostgresLogFixture } from '../unit-log-fixture.js';

/** What the homes are called. */
export const HOME_NAMES = ['node', 'worker', 'hub', 'hub before PostgreSQL'] as const;
/** One of them. */
export type HomeName = (typeof HOME_NAMES)[number];

/** A server that runs. */
interface RunningServer {
  readonly url: string;
  kill(): Promise<void>;
}

/** Opens a server. @param port - 0 takes a free one */
type OpenServer = (port: number, postgresUrl: string, folder: string) => Promise<RunningServer>;

const OPEN: Readonly<Record<HomeName, OpenServer>> = {
  node: openNodeServer,
  worker: async (port, url, folder) =>
    await openHubServer(folder, { port, worker: 'homePostgres', postgres: { url, name: '' } }),
  hub: async (port, url, folder) => await openHub(folder, { port, postgres: { url, name: '' } }),
  'hub before PostgreSQL': async (port, url, folder) =>
    await openHub(folder, { port, postgres: { url, name: '' }, bindings: { FORWARDS: 'yes' } }),
};

function openHub(folder: string, options: HubServerOptions): Promise<HubServer> {
  return openHubServer(folder, { ...options, worker: 'homeHub' });
}

/** One tenant of a home. */
export interface HomeTenant {
  readonly name: string;
  /** Its tables in PostgreSQL; of a hub alone they are empty. */
  readonly tables: PostgresLogFixture;
}

/** A server's home, with many tenants. */
export class ServerHome {
  readonly name: HomeName;
  readonly #folder: string;
  readonly #postgres: PostgresFixture;
  #server: RunningServer | undefined;
  #port = 0;

  private constructor(name: HomeName, folder: string, postgres: PostgresFixture) {
    this.name = name;
    this.#folder = folder;
    this.#postgres = postgres;
  }

  static async open(name: HomeName): Promise<ServerHome> {
    const [{ path }, postgres] = [await makeTemporaryFolder(), await openPostgres()];
    const home = new ServerHome(name, path, postgres);
    await home.start();
    return home;
  }

  /** Whether what the server has is in PostgreSQL, at once or later. */
  get hasBooks(): boolean {
    return this.name !== 'hub';
  }

  /** Whether it is an object that has the log. */
  get isHub(): boolean {
    return this.name.startsWith('hub');
  }

  get url(): string {
    return this.#server?.url ?? `http://127.0.0.1:${this.#port}`;
  }

  /** At the address where it was before. */
  async start(): Promise<void> {
    this.#server = await OPEN[this.name](this.#port, this.#postgres.url, join(this.#folder, 'now'));
    this.#port = Number(new URL(this.#server.url).port);
  }

  /** As the system does it, which asks nobody. */
  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  async tenant(name: string = uniqueName()): Promise<HomeTenant> {
    return { name, tables: await this.tables(name) };
  }

  /** Empty tables. */
  async tables(applicationName: string = uniqueName()): Promise<PostgresLogFixture> {
    return await makePostgresLog(this.#postgres.pool, { applicationName });
  }

  /**
   * Keeps what the server has of a tenant. Nobody may record meanwhile.
   *
   * @returns sets it back; what a hub has in PostgreSQL is not set back with it
   */
  async backup({ tables }: HomeTenant): Promise<() => Promise<void>> {
    if (!this.isHub) return await tables.backup();
    const [now, then] = [join(this.#folder, 'now'), join(this.#folder, uniqueName())];
    await cp(now, then, { recursive: true });
    return async () => {
      await this.kill();
      await rm(now, { recursive: true });
      await cp(then, now, { recursive: true });
      await this.start();
    };
  }

  async close(): Promise<void> {
    await this.kill();
    await this.#postgres.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

let nodeProgram: Promise<string> | undefined;

async function openNodeServer(port: number, postgresUrl: string, folder: string): Promise<RunningServer> {
  const path = JSON.stringify(join(import.meta.dirname, 'node-server.ts'));
  const code = await (nodeProgram ??= bundleProgram(`import { serve } from ${path};\nawait serve();`, 'node'));
  const file = `${folder}.mjs`;
  await writeFile(file, code);
  const child: ChildProcess = spawn(process.execPath, [file], {
    env: { ...process.env, PG_URL: postgresUrl, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! });
  const [url] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => {
      throw new Error('The server has ended.');
    }),
  ])) as [string];
  return {
    url,
    kill: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
