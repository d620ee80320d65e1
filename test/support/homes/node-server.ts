/** A server in a process of its own, over PostgreSQL: the tables of a tenant are called as it is. Says where it listens. */
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { listen } from '../../../src/server/hosts/http-listener.js';
import { createSyncServer, PostgresUnitLog } from '../../../src/server/index.js';
import type { TenantUnitLogs } from '../../../src/server/index.js';
import { HOME_KEY, HOME_OPTIONS } from './home-options.js';

/** Serves until the process ends. */
export async function serve(): Promise<void> {
  const { PG_URL = '', PORT = '0' } = process.env;
  const pool = await createPgPool({ connectionString: PG_URL });
  const logs = new Map<string, PostgresUnitLog>();
  const unitLog: TenantUnitLogs = {
    use: async (tenant, work) => {
      const recorder = new PostgresProcessRecorder({ pool, applicationName: tenant });
      const log =
        logs.get(tenant) ??
        new PostgresUnitLog({ recorder, tenant, name: `${tenant}_log`, seals: { keys: [HOME_KEY] } });
      logs.set(tenant, log);
      return await work(log);
    },
  };
  const server = createSyncServer({ ...HOME_OPTIONS, unitLog });
  const { url } = await listen({
    fetch: async (request) => await server.fetch(request),
    hostname: '127.0.0.1',
    port: Number(PORT),
  });
  console.log(url);
}
