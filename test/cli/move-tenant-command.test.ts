/** `daybook move-tenant`, as it is installed, between places of a real PostgreSQL, killed at each step, while devices record. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { listen } from '../../src/server/hosts/http-listener.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { SqlReplicaStore } from '../../src/server/access/sql-replica-store.js';
import { PostgresTenants } from '../../src/server/tenants/postgres-tenants.js';
import type { TenantPlace } from '../../src/server/tenants/postgres-tenants.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { readLog, sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { installedCommand } from '../support/installed-command.js';
import type { Begun } from '../support/installed-command.js';
import { PATIENTLY } from '../support/patience.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeTenantRole } from '../support/postgres-roles.js';
import { Device } from '../support/postgres-scene.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const SEALS = { keys: [new Uint8Array(32).fill(9)] };
const TENANT = 'acme';
const MOVER = 'mover';
const someUnit = (): ReturnType<typeof sampleUnit> => sampleUnit([sampleEvent(newOriginatorId(), 1)]);

async function opened(): Promise<PostgresFixture> {
  const postgres = await openPostgres();
  onTestFinished(() => postgres.close());
  return postgres;
}

/** The servers' view: a tenant is where the operator has written that it is. */
function served(place: { now: TenantPlace }): PostgresTenants {
  const tenants = new PostgresTenants({ name: 'log', seals: SEALS, place: () => place.now });
  onTestFinished(() => tenants.close());
  return tenants;
}

const idsOf = async (tenants: PostgresTenants): Promise<readonly string[]> =>
  (await tenants.use(TENANT, (log) => readLog(log))).units.map(({ id }) => id);

function argsOf(side: 'from' | 'to', { databaseUrl, schema, shared }: TenantPlace): readonly string[] {
  const url = new URL(databaseUrl);
  url.searchParams.set('application_name', MOVER);
  return [
    ...[`--${side}-url`, url.href],
    ...(schema === undefined ? [] : [`--${side}-schema`, schema]),
    ...(shared === undefined ? [] : [`--${side}-shared`]),
    ...(shared?.role === undefined ? [] : [`--${side}-role`, shared.role]),
  ];
}

/** Holds the command when it writes a table, before it does or in its commit, until it is let go. */
class Gate {
  readonly #admin: PgPool;
  readonly #key = Math.floor(Math.random() * 2 ** 31);
  #release: () => Promise<void> = () => Promise.resolve();

  constructor(admin: PgPool) {
    this.#admin = admin;
  }

  async close(table: string, isAtCommit: boolean): Promise<void> {
    const [schema] = table.split('.');
    await this.#admin.query(`CREATE OR REPLACE FUNCTION ${schema}.hold() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock(${this.#key}); RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$`);
    const when = 'INSERT OR UPDATE OR DELETE';
    // The command's, and not those of the servers.
    const each = `FOR EACH ROW WHEN (current_setting('application_name') = '${MOVER}')`;
    await this.#admin.query(
      isAtCommit
        ? `CREATE CONSTRAINT TRIGGER hold AFTER ${when} ON ${table} DEFERRABLE INITIALLY DEFERRED ${each} EXECUTE FUNCTION ${schema}.hold()`
        : `CREATE TRIGGER hold BEFORE ${when} ON ${table} ${each} EXECUTE FUNCTION ${schema}.hold()`,
    );
    const client = await this.#admin.connect();
    await client.query('SELECT pg_advisory_lock($1)', [this.#key]);
    this.#release = async () => {
      await client.query('SELECT pg_advisory_unlock_all()');
      client.release();
      // Nobody waits any more, and whose client is gone has been rolled back, or has committed.
      await vi.waitUntil(async () => !(await this.#isHeld(true)), PATIENTLY);
      await this.#admin.query(`DROP TRIGGER hold ON ${table}`);
    };
  }

  /** Kills a command when it has come as far as that. */
  async kill(command: Begun): Promise<void> {
    await vi.waitUntil(async () => await this.#isHeld(false), PATIENTLY);
    await command.kill();
    await this.#release();
  }

  async #isHeld(isAnyhow: boolean): Promise<boolean> {
    const { rows } = await this.#admin.query(
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND (NOT granted OR $2)`,
      [this.#key, isAnyhow],
    );
    return rows.length > 0;
  }
}

test('killed at every step it is run again, and devices go on as if nothing had happened', async () => {
  const postgres = await opened();
  const { run } = await installedCommand();
  const role = await makeTenantRole(postgres.pool);
  const [here, there]: [TenantPlace, TenantPlace] = [
    { databaseUrl: postgres.url, schema: uniqueName() },
    { databaseUrl: postgres.url, schema: uniqueName(), shared: { role } },
  ];
  const place = { now: here };
  const tenants = served(place);
  const server = createSyncServer({ unitLog: tenants, allowAnonymous: true, log: () => undefined });
  const listener = await listen({ fetch: (request) => server.fetch(request), hostname: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await listener.close(0);
  });
  const devices: Device[] = [];
  for (let count = 0; count < 2; count++) {
    const device = await new Device().start(listener.url, true, { tenant: TENANT });
    onTestFinished(() => device.close());
    devices.push(device);
  }
  const sent: string[] = [];
  const record = async (): Promise<void> => {
    for (const device of devices) {
      sent.push(await device.count(newOriginatorId()));
      device.exchange.attemptNow();
    }
  };
  const settle = async (): Promise<void> => {
    for (const device of [...devices, ...devices]) await device.settled();
  };
  for (let times = 0; times < 20; times++) await record();
  await settle();
  const gate = new Gate(postgres.pool);

  for (const [from, to] of [
    [here, there],
    // And back, to where its rows were.
    [there, here],
  ] as const) {
    const args = ['--tenant', TENANT, '--units', 'log', ...argsOf('from', from), ...argsOf('to', to)];
    const status = async (): Promise<object> =>
      JSON.parse((await run('move-tenant', 'status', ...args)).stdout) as object;
    const isClosed = { from: { state: 'closed' } };
    // Makes the tables at the other place, where triggers can be put.
    const first = new AbortController();
    first.abort(new Error('Not yet.'));
    const early = tenants.move(TENANT, { to, placed: () => undefined, signal: first.signal });
    await expect(early).rejects.toThrow('Not yet.');
    const steps = [
      // Not closed yet; then closed, whoever sees the commit or not; then in the midst of the copy.
      ['copy', `${from.schema}.log_head`, false, { from: { state: 'open' } }],
      ['copy', `${from.schema}.log_head`, true, isClosed],
      ['copy', `${to.schema}.stored_events`, false, isClosed],
      ['copy', `${to.schema}.log_units`, false, isClosed],
      ['copy', `${to.schema}.log_head`, false, isClosed],
      // Given up, and not given up, and at last so.
      ['cancel', `${from.schema}.log_head`, false, isClosed],
      ['cancel', `${from.schema}.log_head`, true, { from: { state: 'open' } }],
      // The copy is there, and nobody has heard of it.
      ['copy', `${to.schema}.log_head`, true, { from: { state: 'closed' }, to: { state: 'open' } }],
      ['cancel', `${to.schema}.stored_events`, false, { from: { state: 'closed' }, to: { state: 'open' } }],
      ['cancel', `${from.schema}.log_head`, true, { from: { state: 'open' }, to: { state: 'removed' } }],
      ['copy', `${to.schema}.log_head`, true, { from: { state: 'closed' }, to: { state: 'open' } }],
    ] as const;
    for (const [step, table, isAtCommit, expected] of steps) {
      await record();
      await gate.close(table, isAtCommit);
      await gate.kill(run.begin('move-tenant', step, ...args));
      await record();
      expect(await status(), `${step} ${table} ${String(isAtCommit)}`).toMatchObject(expected);
      if (expected.from.state === 'open') {
        await settle();
      } else {
        await expect(tenants.use(TENANT, (log) => log.push([someUnit()], SENDER))).rejects.toMatchObject({
          ...{ code: 'UNAVAILABLE', details: { reason: 'moved' } },
        });
      }
    }
    const copied = await run('move-tenant', 'copy', ...args);
    expect(copied, copied.stderr).toMatchObject({ code: 0 });
    const { position, rows, hash } = JSON.parse(copied.stdout);
    expect([rows.units, rows.events]).toEqual([position, position]);
    expect(JSON.parse((await run('move-tenant', 'copy', ...args)).stdout).hash).toBe(hash);
    place.now = to;
    await record();
    await settle();
    expect([...(await idsOf(tenants))].sort()).toEqual([...sent].sort());
    for (const device of devices) expect(await device.events()).toHaveLength(sent.length);
    // What is left goes when it is told to, and not before.
    expect(await status()).toMatchObject({ from: { state: 'closed', position }, to: { state: 'open' } });
    for (const table of ['stored_events', 'log_units']) {
      await gate.close(`${from.schema}.${table}`, false);
      await gate.kill(run.begin('move-tenant', 'remove', ...args));
      expect(await status()).toMatchObject({ from: { state: 'closed', position } });
    }
    await gate.close(`${from.schema}.log_units`, true);
    await gate.kill(run.begin('move-tenant', 'remove', ...args));
    expect(await status()).toMatchObject({ from: { state: 'removed', position } });
    expect(await run('move-tenant', 'remove', ...args)).toMatchObject({ code: 0, stdout: '{"events":0,"units":0}\n' });
    await record();
    await settle();
  }
  expect([...(await idsOf(tenants))].sort()).toEqual([...sent].sort());
}, 240_000);

describe('what is left at the old place', () => {
  async function moved(): Promise<{
    readonly postgres: PostgresFixture;
    readonly tenants: PostgresTenants;
    readonly place: { now: TenantPlace };
    readonly from: TenantPlace;
    readonly to: TenantPlace;
  }> {
    const postgres = await opened();
    const [from, to] = [uniqueName(), uniqueName()].map((schema) => ({ databaseUrl: postgres.url, schema })) as [
      TenantPlace,
      TenantPlace,
    ];
    const place = { now: from };
    const tenants = served(place);
    await tenants.use(TENANT, (log) => log.push([someUnit(), someUnit(), someUnit()], SENDER));
    await tenants.move(TENANT, { to, placed: () => void (place.now = to) });
    await tenants.use(TENANT, (log) => log.push([someUnit()], SENDER));
    return { postgres, tenants, place, from, to };
  }

  const kept = { code: 'PROGRAMMING_ERROR', details: { reason: 'differs' } };
  const countAt = async ({ pool }: PostgresFixture, { schema }: TenantPlace): Promise<unknown> =>
    (await pool.query(`SELECT count(*)::int AS count FROM "${schema}".stored_events`)).rows[0]?.['count'];

  test('goes whole, but for what says that it was moved: a process that knows no better makes no new log there', async () => {
    const { postgres, tenants, place, from } = await moved();
    expect(await tenants.removeMoved(TENANT, { at: from })).toEqual({ events: 3, units: 3 });
    expect(await countAt(postgres, from)).toBe(0);
    expect(await tenants.standing(TENANT, from)).toEqual({ state: 'removed', position: 3 });
    const late = served({ now: from });
    await expect(late.use(TENANT, (log) => log.push([someUnit()], SENDER))).rejects.toMatchObject({
      ...{ code: 'UNAVAILABLE', details: { reason: 'moved' } },
    });
    expect(await idsOf(tenants)).toHaveLength(4);
    // Not where it is served, whatever it is called.
    const alias = new URL(place.now.databaseUrl);
    alias.searchParams.set('application_name', 'another');
    const again = tenants.removeMoved(TENANT, { at: { ...place.now, databaseUrl: alias.href } });
    await expect(again).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { reason: 'same' } });
    const toItself = tenants.move(TENANT, { to: { ...place.now, databaseUrl: alias.href }, placed: () => undefined });
    await expect(toItself).rejects.toThrow('the same tables');
    await expect(tenants.removeMoved(TENANT, { at: place.now })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect(await idsOf(tenants)).toHaveLength(4);
  });

  test.each([
    [
      'an event that somebody has recorded there since',
      'from',
      `INSERT INTO stored_events
      SELECT gen_random_uuid(), 1, topic, state, 1000 FROM stored_events LIMIT 1`,
    ],
    ['an event that the new place has lost', 'to', 'DELETE FROM stored_events WHERE notification_id = 2'],
    ['a unit that the new place has lost', 'to', 'DELETE FROM log_units WHERE position = 2'],
    ['an event of another content', 'to', `UPDATE stored_events SET state = 'x' WHERE notification_id = 2`],
    ['another history', 'to', `UPDATE log_units SET chain = decode(repeat('01', 16), 'hex') WHERE position = 3`],
    ['more than the new place has', 'to', 'UPDATE log_head SET position = 2'],
  ] as const)('stays, when there is %s', async (_, where, sql) => {
    const { postgres, tenants, ...places } = await moved();
    const statement = sql.replaceAll(/\b(stored_events|log_\w+)\b/g, (table) => `"${places[where].schema}".${table}`);
    await postgres.pool.query(statement);
    const before = await countAt(postgres, places.from);
    await expect(tenants.removeMoved(TENANT, { at: places.from })).rejects.toMatchObject(kept);
    expect(await countAt(postgres, places.from)).toBe(before);
    expect(await tenants.standing(TENANT, places.from)).toEqual({ state: 'closed', position: 3 });
  });

  test('stays while the tenant is closed at the new place, and a move that was completed is not cancelled', async () => {
    const { tenants, place, from, to } = await moved();
    place.now = from;
    // By who does not know of the move: the log has gone on.
    await expect(tenants.cancelMove(TENANT, { to })).rejects.toMatchObject(kept);
    await expect(tenants.removeMoved(TENANT, { at: to })).rejects.toMatchObject({ details: { reason: 'closed' } });
    place.now = to;
    await expect(tenants.cancelMove(TENANT, { to: from })).rejects.toMatchObject({ details: { reason: 'open' } });
    expect(await tenants.standing(TENANT, to)).toEqual({ state: 'open', position: 4 });
    const nowhere = { databaseUrl: to.databaseUrl, schema: uniqueName() };
    expect(await tenants.standing(TENANT, nowhere)).toEqual({ state: 'absent', position: 0 });
    expect(await tenants.removeMoved(TENANT, { at: nowhere })).toEqual({ events: 0, units: 0 });
  });

  test('is opened again without a look at a place that is gone for good', async () => {
    const { tenants, to } = await moved();
    const gone = { databaseUrl: 'postgres://localhost:1/gone' };
    await expect(tenants.move(TENANT, { to: gone, placed: () => undefined })).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
    });
    const other = { databaseUrl: to.databaseUrl, schema: uniqueName() };
    const unplaced = tenants.move(TENANT, { to: other, placed: () => Promise.reject(new Error('no directory')) });
    await expect(unplaced).rejects.toThrow('no directory');
    expect(await tenants.standing(TENANT, to)).toMatchObject({ state: 'closed' });
    await expect(tenants.cancelMove(TENANT, { to: gone })).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    expect(await tenants.standing(TENANT, to)).toMatchObject({ state: 'closed' });
    expect(await tenants.cancelMove(TENANT)).toEqual({ events: 0, units: 0 });
    await tenants.use(TENANT, (log) => log.push([someUnit()], SENDER));
    expect(await idsOf(tenants)).toHaveLength(5);
    // What was copied in vain is left over, and goes like what is old.
    expect(await tenants.removeMoved(TENANT, { at: other })).toEqual({ events: 4, units: 4 });
  });
});

test('takes along which replica is whose', async () => {
  const [postgres, { run }] = [await opened(), await installedCommand()];
  const [from, to] = [uniqueName(), uniqueName()].map((schema) => ({ databaseUrl: postgres.url, schema })) as [
    TenantPlace,
    TenantPlace,
  ];
  const tenants = served({ now: from });
  await tenants.use(TENANT, (log) => log.push([someUnit()], SENDER));
  const databases: string[] = [];
  for (let count = 0; count < 2; count++) {
    const [name, url] = [uniqueName(), new URL(postgres.url)];
    await postgres.pool.query(`CREATE DATABASE ${name}`);
    url.pathname = `/${name}`;
    databases.push(url.href);
  }
  const stores: SqlReplicaStore[] = [];
  for (const connectionString of databases) {
    const pool = await createPgPool({ connectionString });
    onTestFinished(() => pool.end());
    const { recorder } = await openRecorderOn(pool);
    stores.push(new SqlReplicaStore({ recorder }));
  }
  await stores[0]!.createTables();
  const replica = {
    tenant: TENANT,
    replicaId: SENDER.replicaId,
    subject: 'ann',
    app: 'shop 1',
    nowMs: 7,
    replicasMax: 9,
  };
  await stores[0]!.bind(replica);
  const args = ['--tenant', TENANT, '--units', 'log', ...argsOf('from', from), ...argsOf('to', to)];
  const copied = await run(
    'move-tenant',
    'copy',
    ...args,
    '--replicas-from',
    databases[0]!,
    '--replicas-to',
    databases[1]!,
  );
  expect(copied, copied.stderr).toMatchObject({ code: 0 });
  expect(await stores[1]!.list({ limit: 9 })).toEqual(await stores[0]!.list({ limit: 9 }));
  expect(await stores[1]!.list({ limit: 9 })).toHaveLength(1);
});

async function openRecorderOn(pool: PgPool) {
  const { PostgresProcessRecorder } = await import('../../src/persistence/postgres/index.js');
  return { recorder: new PostgresProcessRecorder({ pool }) };
}

test('says what is wrong, before anything is asked anywhere', async () => {
  const { run } = await installedCommand();
  const places = ['--from-url', 'postgres://localhost:1/a', '--to-url', 'postgres://localhost:1/b'];
  for (const args of [
    [],
    ['copy'],
    ['copy', 'more', '--tenant', 'acme', ...places],
    ['move', '--tenant', 'acme', ...places],
    ['copy', '--tenant', 'acme'],
    ['copy', '--tenant', 'acme', '--from-url', 'postgres://localhost:1/a'],
    ['copy', '--tenant', '', ...places],
    ['copy', '--tenant', 'acme', ...places, '--to-role', 'r'],
    ['copy', '--tenant', 'acme', ...places, '--to-partitions', '3'],
    ['copy', '--tenant', 'acme', ...places, '--to-shared', '--to-partitions', 'x'],
    ['copy', '--tenant', 'acme', ...places, '--replicas-to', 'postgres://localhost:1/c'],
    ['status', '--tenant', 'acme', ...places, '--replicas-from', 'x', '--replicas-to', 'y'],
    ['copy', '--tenant', 'acme', ...places, '--none'],
  ]) {
    expect(await run('move-tenant', ...args), args.join(' ')).toMatchObject({
      ...{ code: 2, stderr: expect.stringContaining('See daybook move-tenant --help.') },
    });
  }
  expect(await run('move-tenant', 'copy', '--tenant', 'acme', ...places)).toMatchObject({ code: 1, stdout: '' });
});
