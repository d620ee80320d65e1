import { createPgPool, PostgresProcessRecorder } from 'daybook/postgres';
import { PostgresUnitLog } from 'daybook/server';
import { HOME_KEY } from '../../support/homes/home-options.js';

/** The log of a tenant in tables that are called so: for as long as it is used. */
export async function openTenantLog(
  connectionString: string,
  tenant: string,
  applicationName: string,
): Promise<{ readonly log: PostgresUnitLog; close(): Promise<void> }> {
  const pool = await createPgPool({ connectionString, poolSize: 1, maxOverflow: 0 });
  const recorder = new PostgresProcessRecorder({ pool, applicationName });
  const log = new PostgresUnitLog({ recorder, tenant, name: `${applicationName}_log`, seals: { keys: [HOME_KEY] } });
  return { log, close: () => pool.end() };
}
