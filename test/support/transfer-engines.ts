/**
 * Engines that events are moved between: each call opens a store in which nothing is.
 *
 * @module
 */
import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { LazyReplica } from '../../src/persistence/journal/lazy-replica.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { SqliteReplica } from '../../src/persistence/sqlite/sqlite-replica.js';
import { SqliteUnits } from '../../src/persistence/sqlite/sqlite-units.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { systemClock } from '../../src/util/clock.js';
import { openPostgres, uniqueName } from './postgres-fixture.js';
import { makeTenantRole } from './postgres-roles.js';
import { SharedJournal } from './shared-journal.js';
import { SQLITE_ENGINES } from './sqlite-engines.js';

/** A store, and what it takes with it when it is closed. */
export interface OpenedStore {
  readonly recorder: ProcessRecorder;
  close(): Promise<void>;
}

/** By name. */
export const TRANSFER_ENGINES: Readonly<Record<string, () => Promise<OpenedStore>>> = {
  memory: async () => ({ recorder: new MemoryProcessRecorder(), close: () => Promise.resolve() }),
  ...Object.fromEntries(Object.keys(SQLITE_ENGINES).map((name) => [name, () => openSqlite(name)])),
  PostgreSQL: async () => {
    const { recorder, close } = await openPostgres();
    return { recorder, close };
  },
  'PostgreSQL, a table of many tenants': async () => {
    const { make, pool, close } = await openPostgres();
    const role = await makeTenantRole(pool);
    return { recorder: await make({ shared: { tenant: uniqueName(), role } }), close };
  },
  'a device’s store, journal in memory': async () => {
    const database = await openSqlJs();
    const replica = new SqliteReplica(database, {}, { units: new SqliteUnits(database) });
    replica.createTables();
    const lazy = new LazyReplica(replica, { clock: systemClock });
    const recorder = await DurableRecorder.open({ replica: lazy, journal: new SharedJournal().connect() });
    return { recorder, close: async () => recorder.close() };
  },
};

async function openSqlite(name: string): Promise<OpenedStore> {
  const engine = await (SQLITE_ENGINES[name] as () => Promise<Awaited<ReturnType<(typeof SQLITE_ENGINES)[string]>>>)();
  const database = await engine.connect();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return {
    recorder,
    async close() {
      database.close();
      await engine.remove();
    },
  };
}
