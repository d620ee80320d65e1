/**
 * Servers that share one database: each may die and come back, and the database may be away, and be set back.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import type { SnapshotStore } from '../../../src/persistence/snapshot-store.js';
import { UnauthorizedError } from '../../../src/sync/protocol/index.js';
import { isOperational } from '../../../src/server/operator/outage.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import type { LogStorage } from '../../../src/server/log/log-storage.js';
import { StoredUnitLog } from '../../../src/server/log/stored-unit-log.js';
import type { UnitLogOptions } from '../../../src/server/log/stored-unit-log.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { isRefused, visibilityOf } from '../world/stock.js';
import type { Scope } from '../world/stock.js';
import { reachedBy, SimTables } from './sim-log-storage.js';
import type { DatabaseFaults } from './sim-log-storage.js';
import type { Scheduler } from './scheduler.js';
import { SimProcess } from './sim-process.js';
import { SimSnapshots } from './sim-snapshots.js';

const SEALS: UnitLogOptions = { seals: { keys: [new Uint8Array(32).fill(7)] } };
const TOKEN_MS = 40_000;

/** One server process. */
export interface SimServer {
  readonly process: SimProcess;
  readonly fetch: (request: Request) => Promise<Response>;
}

/** What can be done to the tables on their way to a server. */
export interface WrapServer {
  readonly storage?: ((storage: LogStorage, process: SimProcess) => LogStorage) | undefined;
  readonly scopes?: ((scopes: readonly Scope[]) => readonly Scope[]) | undefined;
  readonly snapshots?: ((snapshots: Pick<SnapshotStore, 'select'>) => Pick<SnapshotStore, 'select'>) | undefined;
}

/** What servers are told. */
export interface SimServersOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly count: number;
  /** What somebody may see. */
  readonly scopesOf: (subject: string) => readonly Scope[];
  readonly wrap: WrapServer;
  /** Told of what is no outage. */
  readonly onFault: (message: string) => void;
}

/** Several servers over one log. */
export class SimServers {
  readonly tables: SimTables = new SimTables();
  /** The log as it is, for whoever checks it. */
  readonly log: MemoryUnitLog = new MemoryUnitLog(SEALS, this.tables);
  readonly snapshots: SimSnapshots = new SimSnapshots();
  readonly faults: DatabaseFaults = { isDown: false, faultShare: 0 };
  /** By how much the clocks of all of them are wrong. */
  offsetMs = 0;
  /** Tokens of an earlier generation are not good any more. */
  generation = 0;
  /** Nobody gets a token. */
  isTokenOutage = false;
  readonly #options: SimServersOptions;
  readonly #running: (SimServer | undefined)[] = [];

  constructor(options: SimServersOptions) {
    this.#options = options;
    for (let index = 0; index < options.count; index++) this.start(index);
  }

  get count(): number {
    return this.#options.count;
  }

  start(index: number): void {
    this.#running[index] ??= this.#started(index);
  }

  kill(index: number): void {
    this.#running[index]?.process.kill();
    this.#running[index] = undefined;
  }

  /** Chooses one that is up, as whoever spreads the load does. */
  pick(random: SeededRandom): SimServer | undefined {
    const up = this.#running.filter((server) => server !== undefined);
    return up.length === 0 ? undefined : random.pick(up);
  }

  /** @throws where nobody gets one */
  token(subject: string, nowMs: number): string {
    if (this.isTokenOutage) throw new Error('The one who gives tokens is away.');
    return [subject, nowMs + TOKEN_MS, this.generation].join('_');
  }

  #started(index: number): SimServer {
    const { scheduler, random, scopesOf, wrap, onFault } = this.#options;
    const process = new SimProcess(`server ${index}`, scheduler, () => this.offsetMs);
    const { clock } = process;
    const reached = reachedBy(this.tables, process, { faults: this.faults, random });
    const kept = this.snapshots.forDevices();
    const snapshots = wrap.snapshots?.(kept) ?? kept;
    const unitLog = new StoredUnitLog(wrap.storage?.(reached, process) ?? reached, { ...SEALS, clock, snapshots });
    const server = process.run(() =>
      createSyncServer(
        {
          unitLog,
          limits: false,
          verifyToken: (token) => {
            const [subject = '', expiresAtMs, generation] = token.split('_');
            const isGood = Number(expiresAtMs) > clock.nowMs() && Number(generation) === this.generation;
            if (!isGood) throw new UnauthorizedError('It is over.');
            return { subject, expiresAtMs: Number(expiresAtMs) };
          },
          authorizePull: ({ subject }) => {
            const scopes = scopesOf(subject);
            return visibilityOf(scopes, wrap.scopes?.(scopes));
          },
          authorizePush: ({ events }) =>
            isRefused(events) ? { code: 'NOT_ALLOWED', message: 'Nobody calls it so.' } : true,
          log: (message, error) => {
            if (!isOperational(error)) onFault(`${message} ${String(error)}`);
          },
        },
        clock,
      ),
    );
    return { process, fetch: server.fetch };
  }
}
