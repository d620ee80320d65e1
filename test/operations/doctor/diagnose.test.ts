/** A look at a store in a real PostgreSQL, with real faults. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, test } from 'vitest';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { diagnose } from '../../../src/operations/doctor/diagnose.js';
import { exitCodeOf } from '../../../src/operations/doctor/finding.js';
import type { Diagnosis, Finding } from '../../../src/operations/doctor/finding.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { countedProjection } from '../../support/counted-projection.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeTenantRole, openPoolOfRole } from '../../support/postgres-roles.js';
import { makeEvents } from '../../support/stored-events.js';

/** Tables of an application alone in a schema, so that nothing of other tests is seen. */
async function alone(
  fixture: PostgresFixture,
): Promise<{ schema: string; recorder: PostgresProcessRecorder; pool: PostgresPool }> {
  const schema = uniqueName();
  await fixture.pool.query(`CREATE SCHEMA ${schema}`);
  const pool = await createPgPool({ connectionString: `${fixture.url}?options=-csearch_path%3D${schema}` });
  const recorder = new PostgresProcessRecorder({ pool, applicationName: 'shop' });
  await recorder.createTable();
  return { schema, recorder, pool };
}

function found({ findings }: Diagnosis, check: string, level: Finding['level'] = 'warning'): readonly string[] {
  return findings.filter((one) => one.check === check && one.level === level).map(({ message }) => message);
}

async function withAlone(
  work: (shop: { schema: string; recorder: PostgresProcessRecorder; pool: PostgresPool }) => Promise<void>,
): Promise<void> {
  await using fixture = await openPostgres();
  const shop = await alone(fixture);
  try {
    await work(shop);
  } finally {
    await (shop.pool as Awaited<ReturnType<typeof createPgPool>>).end();
  }
}

describe('a store in PostgreSQL', () => {
  test('that is well: nothing is said of it but what the server itself is', async () => {
    await withAlone(async ({ recorder }) => {
      await recorder.insertEvents(makeEvents(3));
      const diagnosis = await diagnose(recorder);
      // Of the server of the tests, which does without them.
      const own = diagnosis.findings.filter(
        ({ check, level }) => level !== 'ok' && check !== 'setting' && check !== 'transaction',
      );
      expect(own).toEqual([]);
      expect(found(diagnosis, 'uniqueness', 'ok')).toEqual([
        'A position of an aggregate is taken once: (originator_id, originator_version) is unique.',
      ]);
      expect(diagnosis.findings.map(({ check }) => check)).toEqual(
        expect.arrayContaining(['server', 'setting', 'connections', 'uniqueness', 'vacuum', 'index']),
      );
    });
  });

  test.each([
    ['synchronous_commit', 'warning', 'commits of the last moments before a crash are lost'],
    ['default_transaction_read_only', 'critical', 'nothing can be recorded'],
  ] as const)('whose role has another %s', async (setting, level, why) => {
    await withAlone(async ({ schema, pool, recorder }) => {
      const address = new URL(inject('pgUrl'));
      const { role, close } = await openPoolOfRole(address.href);
      await close();
      await pool.query(`ALTER ROLE ${role} SET ${setting} = ${setting === 'synchronous_commit' ? 'off' : 'on'};
        ALTER ROLE ${role} PASSWORD 'p'; ALTER ROLE ${role} SET search_path = ${schema};
        GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
      address.username = role;
      address.password = 'p';
      await using poolOfRole = await createPgPool({ connectionString: address.href });
      const diagnosis = await diagnose(new PostgresProcessRecorder({ pool: poolOfRole, applicationName: 'shop' }));
      const finding = diagnosis.findings.find(({ subject }) => subject === setting);
      expect(finding).toMatchObject({ check: 'setting', level, message: expect.stringContaining(why) });
      expect(finding?.details).toMatchObject({ source: 'user' });
      const others = (await diagnose(recorder)).findings.find(({ subject }) => subject === setting);
      expect(others?.details['source']).not.toBe('user');
    });
  });

  test('an index that is invalid, and one that nobody reads', async () => {
    await withAlone(async ({ recorder, pool }) => {
      await recorder.insertEvents(makeEvents(2));
      // As it is left behind: two events have the same topic, so the unique index cannot be made.
      await expect(pool.query('CREATE UNIQUE INDEX CONCURRENTLY by_topic ON shop_events (topic)')).rejects.toThrow();
      await pool.query('CREATE INDEX by_state ON shop_events (state)');
      const diagnosis = await diagnose(recorder, { thresholds: { unusedIndexBytes: 0, unusedIndexAgeMs: 0 } });
      expect(found(diagnosis, 'index', 'critical')).toEqual([
        'The index by_topic of shop_events is invalid: it costs each write, and serves no read.',
      ]);
      expect(found(diagnosis, 'index')).toEqual([
        expect.stringContaining('Nobody has read the index by_state of shop_events'),
      ]);
      expect(exitCodeOf(diagnosis)).toBe(2);
      // So small a one, or so young, is not worth a word.
      expect(found(await diagnose(recorder), 'index')).toEqual([]);
    });
  });

  test('autovacuum is switched off for a table, of a part of one, and of tables beside the events', async () => {
    await withAlone(async ({ recorder, pool, schema }) => {
      await new SqlOutbox({ recorder }).createTables();
      await pool.query(`ALTER TABLE shop_events SET (autovacuum_enabled = false);
        ALTER TABLE event_outbox SET (autovacuum_enabled = off)`);
      const diagnosis = await diagnose(recorder);
      expect(found(diagnosis, 'vacuum')).toEqual([
        expect.stringContaining('Autovacuum is switched off for event_outbox'),
        expect.stringContaining('Autovacuum is switched off for shop_events'),
      ]);
      const shared = { tenant: 'one', partitions: 2, role: await makeTenantRole(pool) };
      await pool.query(`GRANT USAGE ON SCHEMA ${schema} TO ${shared.role}`);
      const parted = new PostgresProcessRecorder({ pool, applicationName: 'parted', shared });
      await parted.createTable();
      await pool.query('ALTER TABLE parted_events_p1 SET (autovacuum_enabled = false)');
      expect(found(await diagnose(parted), 'vacuum').join()).toContain('switched off for parted_events_p1');
      expect(found(await diagnose(parted), 'uniqueness', 'ok').join()).toContain(
        '(tenant_id, originator_id, originator_version)',
      );
    });
  });

  test('dead rows, statistics that were never made, rows that were not frozen', async () => {
    await withAlone(async ({ recorder, pool }) => {
      await pool.query(`ALTER TABLE shop_tracking SET (autovacuum_enabled = false);
        INSERT INTO shop_tracking SELECT 'a', n FROM generate_series(1, 12000) AS n;
        DELETE FROM shop_tracking WHERE notification_id <= 1000`);
      const look = (): Promise<Diagnosis> =>
        diagnose(recorder, { thresholds: { deadRows: 500, deadShare: 0.05, transactionIdAge: 0 } });
      // What is counted is told by each session when it is idle, a second later at most.
      await expect
        .poll(async () => found(await look(), 'vacuum'), { timeout: 20_000 })
        .toEqual(expect.arrayContaining(['1000 of 12000 rows of shop_tracking are dead.']));
      const messages = found(await look(), 'vacuum').join('\n');
      expect(messages).toContain('shop_tracking was never analyzed');
      expect(messages).toMatch(/shop_events was not frozen for \d+ transactions/);
    });
  });

  test('a transaction that is open for long, and sessions of others that a role may not see', async () => {
    await withAlone(async ({ recorder, pool, schema }) => {
      const other = await pool.connect();
      await other.query('BEGIN');
      await other.query('SELECT 1');
      await sleep(20);
      const diagnosis = await diagnose(recorder, { thresholds: { transactionAgeMs: 10 } });
      expect(found(diagnosis, 'transaction').join()).toContain('(idle in transaction) is open');
      const role = await openPoolOfRole(inject('pgUrl'));
      await pool.query(
        `GRANT USAGE ON SCHEMA ${schema} TO ${role.role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role.role}`,
      );
      const blind = new PostgresProcessRecorder({ pool: role.pool, applicationName: 'shop', schema });
      expect(found(await diagnose(blind, { schema }), 'transaction', 'unknown').join()).toMatch(
        /What \d+ sessions of other roles do could not be seen/,
      );
      await role.close();
      await other.query('ROLLBACK');
      other.release();
    });
  });

  test('a table without the key by which a position is taken once', async () => {
    await withAlone(async ({ recorder, pool }) => {
      await pool.query('ALTER TABLE shop_events DROP CONSTRAINT shop_events_pkey');
      const diagnosis = await diagnose(recorder);
      expect(found(diagnosis, 'uniqueness', 'critical').join()).toContain(
        'nothing makes (originator_id, originator_version) unique',
      );
      // A unique index on some rows does not count.
      await pool.query(
        'CREATE UNIQUE INDEX ON shop_events (originator_id, originator_version) WHERE originator_version > 1',
      );
      expect(found(await diagnose(recorder), 'uniqueness', 'critical')).toHaveLength(1);
      await pool.query('CREATE UNIQUE INDEX ON shop_events (originator_version, originator_id)');
      expect(found(await diagnose(recorder), 'uniqueness', 'critical')).toEqual([]);
    });
  });

  test('a table that is split by time takes the same position twice, and is found', async () => {
    await withAlone(async ({ recorder, pool }) => {
      // As partitions by month are made: PostgreSQL takes no unique key without the column that the table is split by.
      await pool.query('DROP TABLE shop_events');
      await expect(
        pool.query(`CREATE TABLE shop_events (originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text, state bytea,
          notification_id bigserial, recorded_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (originator_id, originator_version)) PARTITION BY RANGE (recorded_at)`),
      ).rejects.toThrow('must include all partitioning columns');
      await pool.query(`CREATE TABLE shop_events (originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text, state bytea,
          notification_id bigserial, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (originator_id, originator_version, recorded_at)) PARTITION BY RANGE (recorded_at);
        CREATE TABLE shop_events_all PARTITION OF shop_events DEFAULT;
        CREATE INDEX ON shop_events (notification_id)`);
      const originatorId = newOriginatorId();
      await recorder.insertEvents(makeEvents(1, { originatorId }));
      // The trap: nobody is refused.
      await recorder.insertEvents(makeEvents(1, { originatorId }));
      expect(await recorder.selectEvents(originatorId)).toHaveLength(2);
      const diagnosis = await diagnose(recorder);
      expect(found(diagnosis, 'uniqueness', 'critical')).toEqual([
        'Two writers may record the same position of an aggregate, and neither is told: only (originator_id, originator_version, recorded_at) is unique, as RANGE (recorded_at) needs it; that says nothing of (originator_id, originator_version).',
      ]);
      expect(exitCodeOf(diagnosis)).toBe(2);
    });
  });

  test('that is not there, and a server that is not there', async () => {
    await using fixture = await openPostgres();
    const nothing = new PostgresProcessRecorder({ pool: fixture.pool, applicationName: uniqueName() });
    const diagnosis = await diagnose(nothing);
    expect(found(diagnosis, 'uniqueness', 'critical').join()).toContain('There is no table');
    await using nowhere = await createPgPool({ connectionString: 'postgres://nobody@127.0.0.1:1/nowhere' });
    const unreachable = await diagnose(new PostgresProcessRecorder({ pool: nowhere }));
    expect(unreachable).toMatchObject({ level: 'critical', findings: [{ check: 'connection', level: 'critical' }] });
    expect(exitCodeOf(unreachable)).toBe(2);
  });

  test('a role without rights sees what it may, and says what it could not see', async () => {
    await withAlone(async ({ recorder, pool, schema }) => {
      await new SqlProjectionStore(recorder, countedProjection('stock')).setUp();
      await recorder.insertEvents(makeEvents(1));
      const role = await openPoolOfRole(inject('pgUrl'));
      await pool.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role.role}`);
      const blind = new PostgresProcessRecorder({ pool: role.pool, applicationName: 'shop', schema });
      const diagnosis = await diagnose(blind, { schema });
      expect(found(diagnosis, 'projection', 'unknown').join()).toContain(
        'It could not be seen: how far projections are.',
      );
      expect(diagnosis.findings.find(({ check }) => check === 'projection')).toMatchObject({
        advice: 'GRANT SELECT on it to the role that looks.',
        details: { sqlState: '42501' },
      });
      // Catalogues are everybody's to read.
      expect(found(diagnosis, 'uniqueness', 'ok')).toHaveLength(1);
      expect(found(diagnosis, 'index', 'ok')).toHaveLength(1);
      await role.close();
    });
  });
});
