/** Roles that may do no more than they need, granted by the SQL that the document shows; and what keeps the tables in order. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { diagnose } from '../../../src/operations/index.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import { startNodeHost } from '../../../src/server/hosts/node-host.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';
import { pendingUnits, postUnits } from '../../support/unit-wire.js';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');
const DENIED = { code: 'PROGRAMMING_ERROR', details: { sqlState: '42501' } };

/** What the document grants to a kind of role, of tables of this name. */
function grantsOf(kind: string, name: string, role: string): string {
  const block = [...DOCUMENT.matchAll(/```sql\n-- (\w+)\n([\s\S]*?)```/g)].find(([, heading]) => heading === kind);
  if (block === undefined) throw new Error(`The document has no grants for a ${kind}.`);
  return (block[2] as string).replaceAll(`warehouse_${kind}`, role).replaceAll('warehouse_', `${name}_`);
}

/** A pool that connects as a new role, which has no rights but those that are granted. */
async function poolOf(kind: string, name: string, admin: PgPool): Promise<PgPool> {
  const role = uniqueName();
  await admin.query(`CREATE ROLE ${role} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD 'p'; ${grantsOf(kind, name, role)}`);
  const address = new URL(inject('pgUrl'));
  address.username = role;
  address.password = 'p';
  const pool = await createPgPool({ connectionString: address.href });
  onTestFinished(() => pool.end());
  return pool;
}

describe('a role', () => {
  // The second one is for servers before 17, too, where nothing less than the right to update lets somebody take turns.
  test.each(['writer', 'adder'])(
    'that only adds: records, tracks, reads and follows, and changes nothing that was recorded: %s',
    async (kind) => {
      await using postgres = await openPostgres();
      const { pool: admin, name } = postgres;
      const recorder = new PostgresProcessRecorder({ pool: await poolOf(kind, name, admin), applicationName: name });
      await recorder.createTable();
      const [event] = makeEvents(1);
      const ids = await recorder.insertEvents([event!], { tracking: { applicationName: 'other', notificationId: 7 } });
      await recorder.insertEvents(makeEvents(3));
      await recorder.transaction(async (transaction) => {
        await transaction.insertEvents(makeEvents(1));
      });
      expect(await recorder.maxNotificationId()).toBe((ids[0] as number) + 4);
      expect(await recorder.maxTrackingId('other')).toBe(7);
      await expect(recorder.insertEvents([event!])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
      for await (const notification of recorder.subscribe({ gt: 0 })) {
        expect(notification.originatorId).toBe(event!.originatorId);
        break;
      }
      for (const table of [`${name}_events`, `${name}_tracking`]) {
        for (const sql of [
          `UPDATE ${table} SET notification_id = 1`,
          `UPDATE ${table} SET notification_id = 1 WHERE false`,
          `DELETE FROM ${table}`,
          `TRUNCATE ${table}`,
        ]) {
          await expect(recorder.query(sql)).rejects.toMatchObject(DENIED);
        }
      }
      await expect(recorder.query(`DROP TABLE ${name}_events`)).rejects.toMatchObject(DENIED);
      await expect(recorder.query(`ALTER TABLE ${name}_events DISABLE TRIGGER ALL`)).rejects.toMatchObject(DENIED);
      expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toHaveLength(5);
    },
  );

  test('that only adds, to tables that tenants share: on every version of PostgreSQL', async () => {
    await using postgres = await openPostgres();
    const { pool: admin } = postgres;
    const name = uniqueName();
    const owner = uniqueName();
    await admin.query(
      `CREATE ROLE ${owner} NOLOGIN NOSUPERUSER NOBYPASSRLS; GRANT CREATE, USAGE ON SCHEMA public TO ${owner}`,
    );
    const options = { applicationName: name };
    await new PostgresProcessRecorder({
      pool: admin,
      ...options,
      shared: { tenant: 'one', role: owner },
    }).createTable();
    const pool = await poolOf('tenant', name, admin);
    const [one, other] = ['one', 'other'].map(
      (tenant) => new PostgresProcessRecorder({ pool, ...options, shared: { tenant } }),
    ) as [PostgresProcessRecorder, PostgresProcessRecorder];
    await one.createTable();
    expect(await one.insertEvents(makeEvents(2))).toEqual([1, 2]);
    expect(await other.insertEvents(makeEvents(1), { tracking: { applicationName: 'a', notificationId: 3 } })).toEqual([
      1,
    ]);
    expect(await one.selectNotifications({ start: 1, limit: 9 })).toHaveLength(2);
    for (const sql of [`UPDATE ${name}_events SET topic = ''`, `DELETE FROM ${name}_events`]) {
      await expect(one.query(sql)).rejects.toMatchObject(DENIED);
    }
  });

  test('that only reads: sees what comes, and records nothing', async () => {
    await using postgres = await openPostgres();
    const { pool: admin, name, recorder: writer } = postgres;
    const reader = new PostgresProcessRecorder({ pool: await poolOf('reader', name, admin), applicationName: name });
    await reader.createTable();
    const [event] = makeEvents(1);
    await writer.insertEvents([event!]);
    expect(await reader.selectEvents(event!.originatorId)).toHaveLength(1);
    const coming = reader.subscribe({ gt: 1 })[Symbol.asyncIterator]();
    const next = coming.next();
    await writer.insertEvents(makeEvents(1));
    expect((await next).value).toMatchObject({ id: 2 });
    await coming.return();
    await expect(reader.insertEvents(makeEvents(1))).rejects.toMatchObject(DENIED);
    const { findings } = await diagnose(reader);
    expect(findings.filter(({ check, level }) => check === 'uniqueness' && level === 'ok')).toHaveLength(1);
  });

  test('of a sync server: takes pushes, and changes nothing that was recorded', async () => {
    await using postgres = await openPostgres();
    const { pool: admin } = postgres;
    const name = uniqueName();
    const options = { port: 0, applicationName: name, tokens: ['good'], log: () => undefined };
    await (await startNodeHost({ ...options, databaseUrl: inject('pgUrl') })).close();
    const pool = await poolOf('server', name, admin);
    const role = String((await pool.query('SELECT current_user AS role')).rows[0]?.['role']);
    const { rows } = await admin.query(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE tablename LIKE 'daybook\\_${name}\\_%'`,
    );
    expect(rows.length).toBeGreaterThan(2);
    for (const row of rows) {
      await admin.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${String(row['name'])} TO ${role}`);
    }
    const address = new URL(inject('pgUrl'));
    address.username = role;
    address.password = 'p';
    const host = await startNodeHost({ ...options, databaseUrl: address.href });
    try {
      const answer = await postUnits(fetch, pendingUnits(3), { authorization: 'Bearer good' }, host.url);
      expect([answer.status, answer.body.head]).toEqual([200, 3]);
      expect((await fetch(`${host.url}/ready`)).status).toBe(200);
      for (const sql of [`UPDATE ${name}_events SET topic = ''`, `DELETE FROM ${name}_events`]) {
        await expect(host.recorder.query(sql)).rejects.toMatchObject(DENIED);
      }
    } finally {
      await host.close();
    }
  });
});

test('tables of events are analyzed by themselves, and are not vacuumed for what was added', async () => {
  await using postgres = await openPostgres();
  const { pool, name } = postgres;
  const { rows } = await pool.query(`SELECT unnest(reloptions) AS o FROM pg_class WHERE relname = '${name}_events'`);
  expect(rows.map(({ o }) => o)).toEqual([
    'autovacuum_enabled=true',
    'autovacuum_vacuum_threshold=100000000',
    'autovacuum_vacuum_scale_factor=0.5',
    'autovacuum_analyze_threshold=1000',
    'autovacuum_analyze_scale_factor=0.01',
  ]);
});
