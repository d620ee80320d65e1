/** Many tenants in one set of tables: nobody sees or writes what is another's, whatever a statement says or leaves out. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool, PostgresSharing } from '../../../src/persistence/postgres/index.js';
import type { SqlQueryable, SqlRow } from '../../../src/persistence/sql/sql-queryable.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { asLost, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeTenantRole, openPoolOfRole } from '../../support/postgres-roles.js';
import { poolTransactions } from '../../support/transaction-pooler.js';
import { makeSharedLog } from '../../support/unit-log-fixture.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const DENIED = { sqlState: '42501' };
const PARTITIONS = 4;
const SEALED = { seals: { keys: [new Uint8Array(32).fill(5)] } };

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

const someUnit = (count = 1): ReturnType<typeof sampleUnit> => sampleUnit(sampleEvents(newOriginatorId(), 1, count));

interface Tenant {
  readonly recorder: PostgresProcessRecorder;
  readonly log: PostgresUnitLog;
  /** The same, which takes nothing back. */
  readonly stopped: PostgresUnitLog;
  readonly tables: readonly string[];
}

/** Two tenants, each with three events in units, one unit refused, one set aside, a gap, and tracking. */
async function makeTenants(as: 'a role that transactions take' | 'the owner of the tables'): Promise<{
  readonly acme: Tenant;
  readonly globex: Tenant;
  readonly pool: PostgresPool;
  readonly role: string | undefined;
  readonly open: (tenant: string, pool: PostgresPool) => Tenant;
}> {
  const applicationName = uniqueName();
  const owner = as === 'the owner of the tables' ? await openPoolOfRole(postgres.url) : undefined;
  if (owner !== undefined) onTestFinished(() => owner.close());
  const pool = owner?.pool ?? postgres.pool;
  const role = owner === undefined ? await makeTenantRole(pool) : undefined;
  const sharing = { partitions: PARTITIONS, ...(role === undefined ? {} : { role }) };
  const endings = [
    'events',
    'events_tenants',
    'tracking',
    'log_units',
    'log_head',
    'log_gaps',
    'log_set_aside',
    'log_refused',
  ];
  const open = (tenant: string, over: PostgresPool): Tenant => {
    const recorder = new PostgresProcessRecorder({ pool: over, applicationName, shared: { tenant, ...sharing } });
    const options = { recorder, name: `${applicationName}_log`, tenant, ...SEALED };
    return {
      recorder,
      log: new PostgresUnitLog(options),
      stopped: new PostgresUnitLog({ ...options, onLost: 'stop' }),
      tables: endings.map((ending) => `"${applicationName}_${ending}"`),
    };
  };
  const make = async (tenant: string): Promise<Tenant> => {
    const made = open(tenant, pool);
    const { recorder, log, stopped } = made;
    await recorder.createTable();
    await log.createTables();
    await log.push([someUnit(2), someUnit()], SENDER);
    await log.push([someUnit()], SENDER, async () => ({ code: 'NO', message: 'No.' }));
    const lost = new MemoryUnitLog({ tenant, ...SEALED });
    await lost.push([someUnit()], SENDER);
    await stopped.heal(asLost((await readLog(lost)).units), SENDER);
    await recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 5 } });
    await recorder.transaction(async ({ connection }) => {
      await connection.query(`INSERT INTO "${applicationName}_log_gaps" (first_id, last_id) VALUES (100, 101)`);
    });
    return made;
  };
  return { acme: await make('acme'), globex: await make('globex'), pool, role, open };
}

async function tenantsSeen(sql: SqlQueryable, table: string): Promise<readonly unknown[]> {
  const { rows } = await sql.query(`SELECT DISTINCT tenant_id FROM ${table}`);
  return rows.map((row) => row['tenant_id']);
}

const contentOf = async ({ recorder, tables }: Tenant): Promise<readonly (readonly SqlRow[])[]> =>
  await Promise.all(
    tables.map(async (table) => (await recorder.query(`SELECT to_jsonb(t) AS row FROM ${table} t ORDER BY 1`)).rows),
  );

describe.each(['a role that transactions take', 'the owner of the tables'] as const)('a tenant, as %s', (as) => {
  it('sees nothing of another one, in no table, by no statement', async () => {
    const { acme, globex } = await makeTenants(as);
    for (const { recorder, tables } of [acme, globex]) {
      const { tenant } = recorder.dialect.log!.tenants!;
      for (const table of tables) {
        expect(await tenantsSeen(recorder, table), table).toEqual([tenant]);
        await recorder.transaction(async ({ connection }) => {
          expect(await tenantsSeen(connection, table), table).toEqual([tenant]);
          // Asked for by name, joined, counted.
          const { rows } = await connection.query(
            `SELECT (SELECT count(*)::int FROM ${table} WHERE tenant_id <> $1) AS others,
               (SELECT count(*)::int FROM ${table} a CROSS JOIN ${table} b WHERE a.tenant_id <> b.tenant_id) AS pairs`,
            [tenant],
          );
          expect(rows).toEqual([{ others: 0, pairs: 0 }]);
        });
      }
    }
    const { units } = await readLog(acme.log);
    expect(units.map(({ events }) => events.length)).toEqual([2, 1]);
    expect(await globex.recorder.selectEvents(units[0]!.events[0]!.originatorId)).toEqual([]);
    expect(await globex.recorder.maxTrackingId('upstream')).toBe(5);
  });

  it('writes nothing of another one: what has no WHERE changes its own rows', async () => {
    const { acme, globex } = await makeTenants(as);
    const before = await contentOf(globex);
    const columns = ['topic', 'tenant_id', 'notification_id', 'author', 'chain', 'last_id', 'code', 'bytes'];
    for (const [index, table] of acme.tables.entries()) {
      await acme.recorder.transaction(async ({ connection }) => {
        await connection.query(`UPDATE ${table} SET ${columns[index]} = ${columns[index]}`);
        await connection.query(`DELETE FROM ${table}`);
      });
      expect((await acme.recorder.query(`SELECT * FROM ${table}`)).rows).toEqual([]);
    }
    expect(await contentOf(globex)).toEqual(before);
    expect(before.every((rows) => rows.length > 0)).toBe(true);
  });

  it('cannot give a row to another one, nor take one', async () => {
    const { acme, globex } = await makeTenants(as);
    const before = await contentOf(globex);
    for (const table of acme.tables) {
      const given = acme.recorder.transaction(({ connection }) =>
        connection.query(`UPDATE ${table} SET tenant_id = 'globex'`),
      );
      await expect(given, table).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: DENIED });
      const taken = acme.recorder.transaction(({ connection }) =>
        connection.query(`UPDATE ${table} SET tenant_id = 'acme' WHERE tenant_id = 'globex' RETURNING 1 AS one`),
      );
      expect((await taken).rows, table).toEqual([]);
    }
    const inserted = acme.recorder.transaction(({ connection }) =>
      connection.query(
        `INSERT INTO ${acme.tables[0]} (tenant_id, originator_id, originator_version, topic, state, notification_id)
         VALUES ('globex', $1, 1, 't', '\\x', 99)`,
        [newOriginatorId()],
      ),
    );
    await expect(inserted).rejects.toMatchObject({ details: DENIED });
    expect(await contentOf(globex)).toEqual(before);
  });

  it('meets the same in the parts of a table, by their own names', async () => {
    const { acme, globex } = await makeTenants(as);
    for (const table of [acme.tables[0]!, acme.tables[3]!]) {
      for (let part = 0; part < PARTITIONS; part++) {
        const name = table.replace(/"$/, `_p${part}"`);
        const read = tenantsSeen(acme.recorder, name);
        // A role that was given the tables was not given their parts.
        if (as === 'a role that transactions take') await expect(read, name).rejects.toMatchObject({ details: DENIED });
        else expect(['', 'acme'], name).toContain((await read).join());
      }
    }
    expect(await readLog(globex.log)).toMatchObject({ units: [{}, {}] });
  });

  it('is nobody outside of its transactions, also on a connection where it was somebody', async () => {
    const { acme, pool, role } = await makeTenants(as);
    const client = await pool.connect();
    onTestFinished(() => client.release(new Error('It was played with.')));
    const asRole = role === undefined ? '' : `SET LOCAL ROLE ${role};`;
    await client.query(`BEGIN; ${asRole} SET LOCAL daybook.tenant = 'acme'`);
    expect(await tenantsSeen(client, acme.tables[0]!)).toEqual(['acme']);
    await client.query('COMMIT');
    await client.query(`BEGIN; ${asRole}`);
    expect(await tenantsSeen(client, acme.tables[0]!)).toEqual([]);
    await expect(client.query(`INSERT INTO ${acme.tables[1]} DEFAULT VALUES`)).rejects.toThrow();
    await client.query('ROLLBACK');
  });

  it('is not taken for another one behind a pooler that gives each transaction any connection', async () => {
    const { acme, globex, pool, open } = await makeTenants(as);
    const pooler = await poolTransactions(pool, 2);
    onTestFinished(() => pooler.close());
    const expected = await Promise.all([readLog(acme.log), readLog(globex.log)]);
    const both = ['acme', 'globex'].map((tenant) => open(tenant, pooler.pool));
    const rounds = Array.from({ length: 20 }, async (_, round) => {
      const { log, recorder } = both[round % 2]!;
      expect(await readLog(log)).toEqual(expected[round % 2]);
      const failing = recorder.transaction(async ({ connection }) => {
        expect(await tenantsSeen(connection, acme.tables[0]!)).toEqual([recorder.dialect.log!.tenants!.tenant]);
        throw new RangeError('taken back');
      });
      await expect(failing).rejects.toThrow('taken back');
    });
    await Promise.all(rounds);
    await Promise.all(both.map(({ log }) => log.push([someUnit()], SENDER)));
    expect((await readLog(acme.log)).units.slice(0, -1)).toEqual(expected[0].units);
  });
});

it('positions count up without gaps for each tenant, whoever writes beside whom, and what fails takes none', async () => {
  const role = await makeTenantRole(postgres.pool);
  const applicationName = uniqueName();
  const tenants = await Promise.all(
    ['a', 'b', 'c'].map(async (tenant) => {
      const recorder = new PostgresProcessRecorder({
        pool: postgres.pool,
        applicationName,
        shared: { tenant, partitions: 2, role },
      });
      await recorder.createTable();
      const log = new PostgresUnitLog({ recorder, name: `${applicationName}_log` });
      await log.createTables();
      return { recorder, log };
    }),
  );
  const taken = sampleEvent(newOriginatorId(), 1);
  await Promise.all(tenants.map(({ recorder }) => recorder.insertEvents([taken])));
  await Promise.all(
    tenants.flatMap(({ recorder, log }) =>
      Array.from({ length: 10 }, async (_, index) => {
        await log.push([someUnit((index % 3) + 1)], SENDER);
        await expect(recorder.insertEvents([sampleEvent(newOriginatorId(), 1), taken])).rejects.toMatchObject({
          code: 'INTEGRITY_ERROR',
          details: { constraint: 'event', originatorId: taken.originatorId },
        });
        await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      }),
    ),
  );
  for (const { recorder, log } of tenants) {
    const { units } = await readLog(log);
    const count = units.reduce((sum, { events }) => sum + events.length, 0);
    expect([count, units.at(-1)?.position]).toEqual([1 + 19 + 10, 30]);
    const notifications = await recorder.selectNotifications({ start: 1, limit: 100 });
    expect(notifications.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  }
});

describe('a recorder of a tenant', () => {
  const make = async (shared: Partial<PostgresSharing>, pool = postgres.pool): Promise<PostgresProcessRecorder> => {
    const recorder = new PostgresProcessRecorder({
      ...{ pool, applicationName: uniqueName() },
      shared: { tenant: 'acme', ...shared },
    });
    await recorder.createTable();
    return recorder;
  };

  it('refuses to work as a role that may pass policies over', async () => {
    const asSuperuser = await make({});
    const refused = { code: 'PROGRAMMING_ERROR', details: { role: expect.any(String) as string } };
    await expect(asSuperuser.maxNotificationId()).rejects.toMatchObject(refused);
    await expect(asSuperuser.insertEvents([sampleEvent(newOriginatorId(), 1)])).rejects.toMatchObject(refused);
    await expect(asSuperuser.transaction(async () => undefined)).rejects.toMatchObject(refused);
    const role = await makeTenantRole(postgres.pool);
    await postgres.pool.query(`ALTER ROLE ${role} BYPASSRLS`);
    await expect((await make({ role })).query('SELECT 1')).rejects.toMatchObject({ ...refused, details: { role } });
    const unknown = new PostgresProcessRecorder({
      ...{ pool: postgres.pool, applicationName: uniqueName() },
      shared: { tenant: 'acme', role: uniqueName() },
    });
    await expect(unknown.query('SELECT 1')).rejects.toThrow('There is no role');
  });

  it('refuses tables whose policies are not forced, and works when they are', async () => {
    const { pool, close } = await openPoolOfRole(postgres.url);
    onTestFinished(() => close());
    const recorder = await make({}, pool);
    const { eventsTable } = recorder.dialect.log!;
    await pool.query(`ALTER TABLE ${eventsTable} NO FORCE ROW LEVEL SECURITY`);
    await expect(recorder.maxNotificationId()).rejects.toThrow('not forced');
    await pool.query(`ALTER TABLE ${eventsTable} FORCE ROW LEVEL SECURITY`);
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  it.each([
    [{ tenant: '' }, /shared.tenant/],
    [{ tenant: 'x'.repeat(201) }, /shared.tenant/],
    [{ tenant: 'a\u0000' }, /shared.tenant/],
    [{ tenant: 7 as never }, /shared.tenant/],
    [{ partitions: -1 }, /shared.partitions/],
    [{ partitions: 1.5 }, /shared.partitions/],
    [{ role: '' }, /cannot name/],
  ])('refuses %j', (shared, message) => {
    const { pool } = postgres;
    expect(() => new PostgresProcessRecorder({ pool, shared: { tenant: 'acme', ...shared } })).toThrow(message);
  });

  it.each([{ layout: '10' }, { singleRowTracking: true }, { eventColumns: () => ({}) }] as const)(
    'has no option of the Python library: %j',
    (options) => {
      const { pool } = postgres;
      const make = (): unknown => new PostgresProcessRecorder({ pool, ...options, shared: { tenant: 'acme' } });
      expect(make).toThrow(/leave it out with shared/);
    },
  );

  it('has a table beside its events for itself, and another tenant is refused it', async () => {
    const { pool, role, close } = await openPoolOfRole(postgres.url);
    onTestFinished(() => close());
    const [applicationName, schema, table] = [uniqueName(), uniqueName(), uniqueName()];
    await postgres.pool.query(`CREATE SCHEMA ${schema} AUTHORIZATION ${role}`);
    const of = (tenant: string): PostgresProcessRecorder =>
      new PostgresProcessRecorder({ pool, applicationName, shared: { tenant } });
    await of('acme').createTable();
    await new SqlOutbox({ recorder: of('acme'), table, schema }).createTables();
    await expect(new SqlOutbox({ recorder: of('globex'), table, schema }).createTables()).rejects.toThrow('belongs to');
  });

  it('reads by statements of any values, as elsewhere', async () => {
    const recorder = await make({ role: await makeTenantRole(postgres.pool) });
    const odd = `'"\\{}$1 $$ -- /* é 🐈`;
    for (let times = 0; times < 4; times++) {
      const { rows } = await recorder.query(
        `SELECT $1::text AS text, '$1' AS quoted, "column$1", $2::text[] AS texts, $3::bigint AS number, $4::boolean AS yes,
           $5::bytea AS bytes, $6::text AS nothing, $7::bigint[] AS numbers, $1 = $$$1$$ AS same /* $1 */
         FROM (SELECT 1 AS "column$1") AS t -- $1`,
        [odd, [odd, null, ''], 2 ** 53 - 1, true, Uint8Array.of(0, 39, 92, 255), null, [1, null]],
      );
      expect(rows).toEqual([
        {
          ...{ text: odd, quoted: '$1', column$1: 1, texts: [odd, null, ''], number: '9007199254740991', yes: true },
          ...{ bytes: Buffer.from([0, 39, 92, 255]), nothing: null, numbers: ['1', null], same: false },
        },
      ]);
      // Whose form is the client library's.
      const at = new Date(86_400_000);
      expect((await recorder.query('SELECT $1::timestamptz AS at', [at])).rows).toEqual([{ at }]);
      await expect(recorder.query('SELECT $1::timestamptz / 0', [at])).rejects.toMatchObject({
        code: 'PROGRAMMING_ERROR',
      });
      expect((await recorder.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    }
  });

  it('hears of its own tenant only', async () => {
    const { neighbour, recorder } = await makeSharedLog(postgres.pool);
    let heard = 0;
    const stop = recorder.listen(() => heard++);
    // It begins with a look.
    await expect.poll(() => heard).toBeGreaterThan(0);
    const before = heard;
    await neighbour.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect.poll(() => heard).toBe(before + 1);
    await stop();
  });
});
