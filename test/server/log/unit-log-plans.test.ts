/** No statement of a log reads a whole table, however long the log is: for a push, a page, a common place, an offer, a part of a bootstrap. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import { packLostUnits } from '../../../src/persistence/unit-batch.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { analyzeAll, openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import { notingPool, postgresFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { fillLongLog, LOG_PATHS, longLogOptions } from '../../support/unit-log-paths.js';
import type { LongLog } from '../../support/unit-log-paths.js';

const TENANT = 'acme';

/** Units that wait for others. */
async function addWaiting(pool: PostgresPool, units: string, tenants: readonly string[]): Promise<void> {
  const [column, value] =
    tenants.length === 0 ? ['', ''] : ['tenant_id, ', `($2::text[])[1 + n % ${tenants.length}], `];
  const nothing = Buffer.from(packLostUnits([]));
  await pool.query(
    `INSERT INTO "${units}_set_aside"
      (${column}unit_id, unit, code, message, offered_by, offered_at_ms, edition, awaits)
      SELECT ${value}gen_random_uuid(), $1::bytea, 'CONFLICT', '', '', 0, gen_random_uuid(), gen_random_uuid()
      FROM generate_series(1, 20000) n`,
    tenants.length === 0 ? [nothing] : [nothing, tenants],
  );
}

/** Events and units of many other tenants, some of which have much. */
async function addNeighbours(pool: PostgresPool, events: string, units: string): Promise<void> {
  await pool.query(`INSERT INTO ${events} (tenant_id, originator_id, originator_version, topic, state, notification_id)
    SELECT 't' || n % 97, gen_random_uuid(), 1, 'theirs', '\\x01', n FROM generate_series(1, 20000) n`);
  await pool.query(`INSERT INTO "${units}_units" (tenant_id, unit_id, position, last_id, count, author, replica, recorded_at_ms)
    SELECT 't' || n % 97, gen_random_uuid(), n, n, 1, '', '', 0 FROM generate_series(1, 20000) n`);
}

describe.each(['single', 'shared'])('%s', (layout) => {
  let postgres: PostgresFixture;
  let long: LongLog;
  let recorder: PostgresProcessRecorder;
  let openingSql: string;
  const noted: RunStatement[] = [];

  beforeAll(async () => {
    postgres = await openPostgres();
    const applicationName = uniqueName();
    const role = layout === 'shared' ? await makeTenantRole(postgres.pool) : undefined;
    openingSql = role === undefined ? 'SELECT 1' : `SET LOCAL ROLE ${role}; SET LOCAL daybook.tenant = '${TENANT}'`;
    recorder = new PostgresProcessRecorder({
      ...{ pool: notingPool(postgres.pool, noted), applicationName },
      ...(role === undefined ? {} : { shared: { tenant: TENANT, partitions: 3, role } }),
    });
    await recorder.createTable();
    const units = uniqueName();
    const shelf = newOriginatorId();
    const log = new PostgresUnitLog({ recorder, name: units, ...longLogOptions(shelf) });
    await log.createTables();
    long = { ...(await fillLongLog(log, shelf)), insertBeside };
    // Gaps, as failed inserts of others leave them.
    await insertBeside('100000 + n * 2', 1_000);
    if (layout === 'shared') await addNeighbours(postgres.pool, tableOf(), units);
    await addWaiting(postgres.pool, units, layout === 'shared' ? [TENANT, 't1', 't2'] : []);
    await log.head();
    await analyzeAll(postgres.pool);
  }, 120_000);
  afterAll(() => postgres.close());

  const tableOf = (): string => recorder.dialect.log!.eventsTable;

  /** Events that others record. @param id - of the event n, as SQL */
  async function insertBeside(id: string, count: number): Promise<void> {
    const [column, value] = layout === 'shared' ? [', tenant_id', `, '${TENANT}'`] : ['', ''];
    await postgres.pool.query(
      `INSERT INTO ${tableOf()} (originator_id, originator_version, topic, state, notification_id${column})
     SELECT gen_random_uuid(), 1, 'beside', '\\x01', ${id}${value} FROM generate_series(1, ${count}) n`,
    );
    if (layout === 'shared') return;
    const sequence = `pg_get_serial_sequence('${tableOf()}', 'notification_id')`;
    await postgres.pool.query(`SELECT setval(${sequence}, (SELECT max(notification_id) FROM ${tableOf()}))`);
  }

  it.each(Object.keys(LOG_PATHS))('%s', async (path) => {
    noted.length = 0;
    await LOG_PATHS[path]!(long);
    const statements = [...new Map(noted.map((statement) => [statement.text, statement])).values()];
    expect(statements.length).toBeGreaterThan(0);
    const faults: string[] = [];
    for (const statement of statements) faults.push(...(await postgresFaults(postgres.pool, statement, openingSql)));
    expect(faults).toEqual([]);
  });
});
