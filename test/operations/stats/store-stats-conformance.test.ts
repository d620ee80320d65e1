/** What is counted of a store, on every engine with SQL. */
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { storeStatsCases } from '../../../src/testing/conformance/store-stats-cases.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const SUITES = { 'what is in a store': storeStatsCases };

for (const [name, open] of Object.entries(SQL_RECORDERS)) {
  describeConformance(
    name,
    async () => {
      const { recorder, close } = await open();
      return { context: { recorder }, close };
    },
    SUITES,
  );
}

describeConformance(
  'PostgreSQL',
  async () => {
    const { pool, close } = await openPostgres();
    const role = await makeTenantRole(pool);
    await pool.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
    const shared = { tenant: 'one', partitions: 4, role };
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName(), shared });
    await recorder.createTable();
    return { context: { recorder }, close };
  },
  SUITES,
  {
    variant: 'tables in parts, shared by tenants',
    skips: [
      {
        case: 'days are counted by the event index, by UTC and half-open, and are unknown without one',
        reason: 'the tables of an event index are not shared',
      },
    ],
  },
);
