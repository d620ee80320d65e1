/**
 * The other side of a real run: PostgreSQL, and a server over it that is killed and started again.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { startEmbeddedPostgres } from '../../../src/server/hosts/embedded-postgres.js';
import { logTables } from '../../../src/server/log/postgres/log-tables.js';
import { PostgresLogStorage } from '../../../src/server/log/postgres/postgres-log-storage.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import type { RefusedUnit } from '../../../src/server/log/unit-log.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';
import type { LoggedTables } from '../checks/log-audit.js';
import { SCOPES } from '../world/stock.js';
import type { Scope } from '../world/stock.js';
import { LISTENING } from './real-messages.js';
import type { RealScopes, RealServerOptions } from './real-messages.js';

const ALL = 1_000_000;
const REFUSED_MAX = 100_000;

/** PostgreSQL and a server, from when both are there. */
export class RealBackend implements AsyncDisposable {
  readonly port: number;
  /** The log, read where it lies. */
  readonly tables: LoggedTables;
  readonly #storage: PostgresLogStorage;
  readonly #log: PostgresUnitLog;
  readonly #recorder: PostgresProcessRecorder;
  readonly #pool: PgPool;
  readonly #options: Pick<RealServerOptions, 'databaseUrl' | 'origin'>;
  readonly #scopes = new Map<string, readonly Scope[]>();
  readonly #serverFile: string;
  readonly #onFault: (message: string) => void;
  readonly #close: () => Promise<void>;
  #child: ChildProcess | undefined;

  private constructor(parts: BackendParts) {
    const { pool, port } = parts;
    this.port = port;
    this.#pool = pool;
    this.#options = { databaseUrl: parts.databaseUrl, origin: parts.origin };
    this.#serverFile = parts.serverFile;
    this.#onFault = parts.onFault;
    this.#close = parts.close;
    const recorder = (this.#recorder = new PostgresProcessRecorder({ pool }));
    this.#log = new PostgresUnitLog({ recorder });
    const { log } = recorder.dialect;
    if (log === undefined) throw new Error('PostgreSQL has no log.');
    const tables = logTables('daybook', undefined, log.tenants);
    const storage = (this.#storage = new PostgresLogStorage({ recorder, log, tables, participants: [] }));
    this.tables = {
      units: (from, limit) => storage.units(from, Math.min(limit, ALL)),
      events: (range, limit) => storage.events(range, limit),
    };
  }

  /** @param options - `serverFile` is what a server runs, `onFault` is told of what is no outage */
  static async start(options: Pick<BackendParts, 'origin' | 'serverFile' | 'onFault'>): Promise<RealBackend> {
    const folder = await makeTemporaryFolder();
    const postgres = await startEmbeddedPostgres({ databaseDir: folder.path, ...FAST_POSTGRES });
    const pool = await createPgPool({ connectionString: postgres.url });
    const close = async (): Promise<void> => {
      await pool.end();
      await postgres.close();
      await folder.remove();
    };
    const backend = new RealBackend({ ...options, databaseUrl: postgres.url, pool, port: await freePort(), close });
    await backend.startServer();
    return backend;
  }

  async startServer(): Promise<void> {
    if (this.#child !== undefined) return;
    const scopes = [...this.#scopes].map(([subject, some]) => ({ subject, scopes: some }));
    const options: RealServerOptions = { ...this.#options, port: this.port, scopes };
    const child = spawn(process.execPath, [this.#serverFile, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#onFault(text));
    const isThere = await answered(child, (said) => said === LISTENING);
    // Somebody has killed it again meanwhile, or it says on its own why it cannot start.
    if (!isThere && this.#child === child) throw new Error('The server ended by itself.');
  }

  /** SIGKILL. */
  async killServer(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** What somebody may see, as the operator of the server has it. */
  scopesOf(subject: string): readonly Scope[] {
    return this.#scopes.get(subject) ?? SCOPES;
  }

  /** Resolves when the server, if there is one, goes by it. */
  async changeScopes(told: RealScopes): Promise<void> {
    this.#scopes.set(told.subject, told.scopes);
    const child = this.#child;
    if (child?.connected !== true) return;
    const done = answered(child, (said) => isDeepStrictEqual(said, told));
    // Of one that is killed meanwhile the next one is told when it starts.
    child.send(told, () => undefined);
    await done;
  }

  /** Every connection of the server to its database breaks. */
  async breakConnections(): Promise<void> {
    await this.#pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
  }

  /** As a program that knows nothing of units. */
  async insertBeside(id: string, toEvent: (version: number) => StoredEvent): Promise<void> {
    const [last] = await this.#recorder.selectEvents(id, { desc: true, limit: 1 });
    await this.#recorder.insertEvents([toEvent((last?.originatorVersion ?? 0) + 1)]);
  }

  /** How far the log is, and whether there are rows that are not in it yet. */
  async standing(): Promise<{ readonly position: number; readonly hasRowsBeside: boolean }> {
    const { head, maxId } = await this.#storage.standing();
    return { position: head.position, hasRowsBeside: head.lastId !== maxId };
  }

  async refused(): Promise<readonly RefusedUnit[]> {
    return await this.#log.refused({ limit: REFUSED_MAX });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killServer();
    await this.#close();
  }
}

interface BackendParts {
  readonly origin: string;
  readonly serverFile: string;
  readonly onFault: (message: string) => void;
  readonly databaseUrl: string;
  readonly pool: PgPool;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Waits until a server says that. @returns whether it did, and has not ended */
async function answered(child: ChildProcess, isIt: (said: unknown) => boolean): Promise<boolean> {
  for await (const [said] of on(child, 'message', { close: ['exit'] })) if (isIt(said)) return true;
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
