/**
 * Logs in PostgreSQL, to replay runs of the model on.
 *
 * @module
 */
import { openPostgres } from '../support/postgres-fixture.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';
import type { OpenLog } from './replayed-log.js';

/** Lends a database while some work is done. */
export async function withPostgresLogs(work: (openLog: OpenLog) => Promise<void>): Promise<void> {
  const postgres = await openPostgres();
  try {
    await work(async (_tenant, options) => {
      const fixture = await makePostgresLog(postgres.pool);
      const { insertBeside, backup } = fixture;
      return { log: fixture.open(options), view: fixture.open(), insertBeside, backup };
    });
  } finally {
    await postgres.close();
  }
}
