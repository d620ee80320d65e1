/** The log of a synchronisation server as the doctor sees it, on PostgreSQL and SQLite. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { diagnose } from '../../../src/operations/doctor/diagnose.js';
import type { Finding } from '../../../src/operations/doctor/finding.js';
import type { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import { makeEvents } from '../../support/stored-events.js';
import { TRANSFER_ENGINES } from '../../support/transfer-engines.js';
import { makeSqliteLog } from '../../support/sqlite-log-fixture.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';

const LOGS = {
  async PostgreSQL() {
    const shared = await openPostgres();
    onTestFinished(() => shared.close());
    // A database of its own: the doctor looks at all tables, and the one of the tests has thousands.
    const url = new URL(shared.url);
    url.pathname = `/${shared.name}`;
    await shared.pool.query(`CREATE DATABASE ${shared.name}`);
    const postgres = await openPostgres({ connectionString: url.href });
    onTestFinished(() => postgres.close());
    const { recorder, open, name, events } = await makePostgresLog(postgres.pool);
    return { recorder: recorder as SqlRecorder, open, name, events };
  },
  async SQLite() {
    const { recorder, close } = await TRANSFER_ENGINES['SQLite on sql.js']!();
    onTestFinished(close);
    const { open } = await makeSqliteLog(recorder as unknown as SqlRecorder);
    return { recorder: recorder as unknown as SqlRecorder, open, name: 'daybook_log', events: 'stored_events' };
  },
};

const unitsOf = async (recorder: SqlRecorder, thresholds = {}): Promise<readonly Finding[]> =>
  (await diagnose(recorder, { thresholds })).findings.filter(({ check }) => check === 'units');

describe.each(Object.keys(LOGS))('%s', (engine) => {
  test('what was recorded beside it is not in it, until the server takes it in', async () => {
    const { recorder, open, name } = await LOGS[engine as keyof typeof LOGS]();
    const limits = { lagWarning: 4, lagCritical: 100 };
    expect(await unitsOf(recorder, limits)).toMatchObject([{ level: 'ok', details: { position: 0, lag: 0 } }]);
    await recorder.insertEvents(makeEvents(5));
    expect(await unitsOf(recorder, limits)).toMatchObject([
      {
        ...{ level: 'warning', subject: name, details: { position: 0, lag: 5 } },
        message: expect.stringContaining('5 that were recorded beside it are not in it yet'),
      },
    ]);
    expect(await unitsOf(recorder, { lagWarning: 1, lagCritical: 2 })).toMatchObject([
      { level: 'critical', message: expect.stringContaining('more than 2') },
    ]);
    await open().head();
    expect(await unitsOf(recorder, limits)).toMatchObject([{ level: 'ok', details: { position: 5, lag: 0 } }]);
  });

  test('events that it has and the table lacks are critical; it says when it was moved, and what is set aside', async () => {
    const { recorder, open, name, events } = await LOGS[engine as keyof typeof LOGS]();
    await recorder.insertEvents(makeEvents(5));
    await open().head();
    const run = (sql: string): Promise<unknown> =>
      recorder.transaction(async ({ connection }) => await connection.query(sql));
    const bytes = engine === 'PostgreSQL' ? `'\\x00'` : `x'00'`;
    const id = engine === 'PostgreSQL' ? `'${crypto.randomUUID()}'` : `x'01'`;
    await run(`INSERT INTO "${name}_set_aside" (unit_id, unit, code, message, offered_by, offered_at_ms, edition)
      VALUES (${id}, ${bytes}, 'CONFLICT', 'does not fit', 'somebody', 0, ${id})`);
    expect(await unitsOf(recorder)).toMatchObject([
      {
        level: 'warning',
        message: expect.stringContaining('1 units that devices brought back'),
        details: { setAside: 1 },
      },
      { level: 'ok' },
    ]);
    await run(`DELETE FROM ${events} WHERE notification_id > 3`);
    expect(await unitsOf(recorder)).toMatchObject([
      { level: 'critical', message: expect.stringContaining('ends with event 5, and the events end with 3') },
      { level: 'warning' },
    ]);
    await run(`UPDATE "${name}_head" SET position = -1 - position`);
    expect(await unitsOf(recorder)).toMatchObject([{ level: 'warning', details: { position: 5 } }]);
  });
});

test('of tables that tenants share what one of them has', async () => {
  await using postgres = await openPostgres();
  const role = await makeTenantRole(postgres.pool);
  const applicationName = uniqueName();
  const [one, other] = (await Promise.all(
    ['one', 'other'].map((tenant) => postgres.make({ applicationName, shared: { tenant, role } })),
  )) as [PostgresProcessRecorder, PostgresProcessRecorder];
  const name = `${applicationName}_log`;
  const logs = [one, other].map((recorder) => new PostgresUnitLog({ recorder, name }));
  for (const log of logs) await log.createTables();
  await one.insertEvents(makeEvents(3));
  expect(await unitsOf(one)).toMatchObject([{ subject: name, details: { position: 0, lag: 3 } }]);
  expect(await unitsOf(other)).toMatchObject([{ subject: name, details: { position: 0, lag: 0 } }]);
});
