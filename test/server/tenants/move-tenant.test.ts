/** A tenant moved between real PostgreSQL servers and layouts, while devices record, in two processes of a server. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPgPool } from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import type { SqlRow } from '../../../src/persistence/sql/sql-queryable.js';
import { startEmbeddedPostgres } from '../../../src/server/hosts/embedded-postgres.js';
import type { EmbeddedPostgresServer } from '../../../src/server/hosts/embedded-postgres.js';
import { listen } from '../../../src/server/hosts/http-listener.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { PostgresTenants } from '../../../src/server/tenants/postgres-tenants.js';
import type { PostgresTenantsOptions, TenantPlace } from '../../../src/server/tenants/postgres-tenants.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { PATIENTLY } from '../../support/patience.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import { Device } from '../../support/postgres-scene.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const SEALS = { keys: [new Uint8Array(32).fill(9)] };
const someUnit = (): ReturnType<typeof sampleUnit> => sampleUnit([sampleEvent(newOriginatorId(), 1)]);

interface Server {
  readonly postgres: EmbeddedPostgresServer;
  readonly admin: PgPool;
  readonly role: string;
}

const servers: Server[] = [];
beforeAll(async () => {
  for (let index = 0; index < 2; index++) {
    const { path } = await makeTemporaryFolder();
    const postgres = await startEmbeddedPostgres({ databaseDir: path, ...FAST_POSTGRES });
    const admin = await createPgPool({ connectionString: postgres.url });
    servers.push({ postgres, admin, role: await makeTenantRole(admin) });
  }
});
afterAll(async () => {
  for (const { admin, postgres } of servers) {
    await admin.end();
    await postgres.close();
  }
});
const [north, south] = [(): Server => servers[0]!, (): Server => servers[1]!];

/** Where tenants are, as a table of the operator's says it to every process. */
class Directory {
  readonly places = new Map<string, TenantPlace>();

  open(options: Partial<PostgresTenantsOptions> = {}): PostgresTenants {
    const place = (tenant: string): TenantPlace | undefined => this.places.get(tenant);
    const tenants = new PostgresTenants({ name: 'log', seals: SEALS, ...options, place });
    onTestFinished(() => tenants.close());
    return tenants;
  }
}

const inSchema = ({ postgres }: Server): TenantPlace => ({ databaseUrl: postgres.url, schema: uniqueName() });
const inShared = ({ postgres, role }: Server, schema = uniqueName(), partitions = 0): TenantPlace => ({
  ...{ databaseUrl: postgres.url, schema },
  shared: { role, partitions },
});
async function inDatabase({ admin, postgres }: Server): Promise<TenantPlace> {
  const name = uniqueName();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return { databaseUrl: url.href };
}

const TABLES = ['stored_events', 'log_units', 'log_gaps', 'log_set_aside', 'log_refused', 'notification_tracking'];

/** What the tables of a tenant have, without the column that says whose it is. */
async function contentOf(tenant: string, { databaseUrl, schema = 'public' }: TenantPlace): Promise<SqlRow[][]> {
  const admin = await createPgPool({ connectionString: databaseUrl });
  try {
    const contents: SqlRow[][] = [];
    for (const table of TABLES) {
      const { rows } = await admin.query(
        `SELECT to_jsonb(t) - 'tenant_id' AS row FROM "${schema}".${table} AS t
         WHERE to_jsonb(t) ->> 'tenant_id' IS NULL OR to_jsonb(t) ->> 'tenant_id' = '${tenant}' ORDER BY 1`,
      );
      contents.push([...rows]);
    }
    return contents;
  } finally {
    await admin.end();
  }
}

/** One unit refused, one set aside, a gap, and what is tracked. */
async function leaveTraces(directory: Directory, tenant: string, { schema }: TenantPlace): Promise<void> {
  const stopped = directory.open({ onLost: 'stop' });
  await stopped.use(tenant, async (log) => {
    await log.push([someUnit()], SENDER, async () => ({ code: 'NO', message: 'No.' }));
    const lost = new MemoryUnitLog({ tenant, seals: SEALS });
    await lost.push([someUnit()], SENDER);
    await log.heal(asLost((await readLog(lost)).units), SENDER);
  });
  await north().admin.query(`INSERT INTO "${schema}".log_gaps (first_id, last_id) VALUES (100000, 100001);
    INSERT INTO "${schema}".notification_tracking VALUES ('upstream', 3), ('upstream', 5), ('another', 7)`);
}

describe('a tenant', () => {
  it('is moved while devices record, and they go on: nothing lost, nothing twice, nothing healed', async () => {
    const tenant = 'acme';
    const directory = new Directory();
    const shared = uniqueName();
    const places = [
      inSchema(north()),
      inShared(south(), shared, 2),
      await inDatabase(north()),
      inShared(north()),
      inSchema(south()),
    ];
    directory.places.set(tenant, places[0]!);
    directory.places.set('globex', places[1]!);
    const paths: string[] = [];
    const addresses: string[] = [];
    const processes = [directory.open(), directory.open()];
    for (const unitLog of processes) {
      const server = createSyncServer({ unitLog, allowAnonymous: true, log: () => undefined });
      const fetch = async (request: Request): Promise<Response> => {
        paths.push(new URL(request.url).pathname.split('/').at(-1)!);
        return await server.fetch(request);
      };
      const listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
      onTestFinished(async () => {
        await listener.close(0);
      });
      addresses.push(listener.url);
    }
    // Somebody else in the tables that it comes to.
    await processes[0]!.use('globex', (log) => log.push([someUnit(), someUnit()], SENDER));
    const globex = await contentOf('globex', places[1]!);
    const devices: Device[] = [];
    for (const url of addresses) {
      const device = await new Device().start(url, true, { tenant });
      onTestFinished(async () => await device.close());
      devices.push(device);
    }
    const sent: string[] = [];
    const record = async (): Promise<void> => {
      for (const device of devices) sent.push(await device.count(newOriginatorId()));
    };
    for (let times = 0; times < 30; times++) await record();
    for (const device of devices) await device.settled();
    await leaveTraces(directory, tenant, places[0]!);

    for (const [index, to] of places.slice(1).entries()) {
      const from = places[index]!;
      const moving = new AbortController();
      const recording = (async () => {
        while (!moving.signal.aborted) {
          await record();
          for (const device of devices) device.exchange.attemptNow();
          // Stores in memory leave nobody else a turn.
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })();
      onTestFinished(() => moving.abort());
      const moved = await processes[index % 2]!.move(tenant, {
        to,
        retryAfterMs: 20,
        placed: async () => {
          // Both sides have the same, in every table, and nobody is served by either.
          const [here, there] = [await contentOf(tenant, from), await contentOf(tenant, to)];
          here[5] = here[5]!.filter(({ row }) => !JSON.stringify(row).includes('3'));
          expect(there).toEqual(here);
          for (const table of there) expect(table.length).toBeGreaterThan(0);
          for (const process of processes) {
            await expect(process.use(tenant, (log) => log.push([someUnit()], SENDER))).rejects.toMatchObject({
              code: 'UNAVAILABLE',
            });
          }
          directory.places.set(tenant, to);
        },
      });
      expect(moved.rows).toMatchObject({ gaps: 1, setAside: 1, refused: 1, tracking: 2 });
      // One is refused, and stands nowhere.
      expect(moved.rows.units).toBe(moved.position + 1);
      await vi.waitUntil(async () => {
        for (const device of devices) device.exchange.attemptNow();
        return (await processes[0]!.use(tenant, (log) => log.head()).catch(() => 0)) > moved.position;
      }, PATIENTLY);
      moving.abort();
      await recording;
      // What the last one has sent reaches the first one.
      for (const device of [...devices, ...devices]) await device.settled();
      const { units } = await processes[0]!.use(tenant, (log) => readLog(log));
      expect(units.map(({ id }) => id).sort()).toEqual([...sent].sort());
      for (const device of devices) expect((await device.events()).length).toBe(sent.length);
    }
    expect(new Set(paths)).toEqual(new Set(['push', 'units', 'live']));
    expect(await contentOf('globex', places[1]!)).toEqual(globex);
    expect(
      (await processes[0]!.use(tenant, (log) => log.refused({ limit: 9 }))).map(({ kind }) => kind).sort(),
    ).toEqual(['offered', 'rejected']);
  }, 120_000);

  it('keeps its seals and its chain: a device that was there before brings back what the new place loses', async () => {
    const directory = new Directory();
    const [from, to] = [inSchema(north()), inSchema(south())];
    directory.places.set('acme', from);
    const tenants = directory.open();
    await tenants.use('acme', (log) => log.push([someUnit(), someUnit(), someUnit()], SENDER));
    const before = await tenants.use('acme', (log) => readLog(log));
    await tenants.move('acme', { to, placed: () => void directory.places.set('acme', to) });
    expect(await tenants.use('acme', (log) => readLog(log))).toEqual(before);
    // Restored from a backup of before.
    await south().admin.query(`DELETE FROM "${to.schema}".stored_events; DELETE FROM "${to.schema}".log_units;
      UPDATE "${to.schema}".log_head SET position = 0, chain = decode(repeat('00', 16), 'hex'), last_id = 0`);
    const { decisions } = await tenants.use('acme', (log) => log.heal(asLost(before.units), SENDER));
    expect(decisions.map(({ kind }) => kind)).toEqual(['restored', 'restored', 'restored']);
  });

  it('whose move breaks off stays where it is, and is moved by moving again', async () => {
    const directory = new Directory();
    const [from, to] = [inSchema(north()), inSchema(south())];
    directory.places.set('acme', from);
    directory.places.set('warm', to);
    const [tenants, other] = [directory.open(), directory.open()];
    const sent: string[] = [];
    const push = async (count: number): Promise<void> => {
      const units = Array.from({ length: count }, someUnit);
      await other.use('acme', (log) => log.push(units, SENDER));
      sent.push(...units.map(({ id }) => id));
    };
    await push(200);
    await tenants.use('warm', (log) => log.head());
    // Its server goes away at several moments of the copy, also in the last statement and in the commit.
    const { admin } = south();
    await admin.query(`CREATE FUNCTION "${to.schema}".fail() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`);
    const placed = vi.fn(() => void directory.places.set('acme', to));
    for (const table of ['stored_events', 'log_units', 'log_head']) {
      const trigger = `fail BEFORE INSERT OR UPDATE ON "${to.schema}".${table} FOR EACH ROW`;
      await admin.query(`CREATE TRIGGER ${trigger} EXECUTE FUNCTION "${to.schema}".fail()`);
      await expect(tenants.move('acme', { to, placed }), table).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
      await admin.query(`DROP TRIGGER fail ON "${to.schema}".${table}`);
      await push(1);
    }
    await admin.query(`CREATE CONSTRAINT TRIGGER fail AFTER UPDATE ON "${to.schema}".log_head
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "${to.schema}".fail()`);
    await expect(tenants.move('acme', { to, placed })).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await admin.query(`DROP TRIGGER fail ON "${to.schema}".log_head`);
    // Whether it was committed, nobody knows: nobody goes on with either.
    const closed = { code: 'UNAVAILABLE', details: { reason: 'moved' } };
    for (const process of [tenants, other]) {
      await expect(process.use('acme', (log) => log.push([someUnit()], SENDER))).rejects.toMatchObject(closed);
    }
    expect(placed).not.toHaveBeenCalled();
    const unplaced = tenants.move('acme', { to, placed: () => Promise.reject(new Error('no directory')) });
    await expect(unplaced).rejects.toThrow('no directory');
    await expect(tenants.move('acme', { to, placed: () => undefined })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
    });
    await expect(other.use('acme', (log) => log.head())).rejects.toMatchObject(closed);
    expect(await tenants.move('acme', { to, placed })).toMatchObject({ position: sent.length });
    expect((await other.use('acme', (log) => readLog(log))).units.map(({ id }) => id)).toEqual(sent);
    await push(1);
    expect((await tenants.use('acme', (log) => readLog(log))).units.map(({ id }) => id)).toEqual(sent);
    // What is beside the log gets ids after what was moved.
    const { rows } =
      await admin.query(`SELECT count(DISTINCT notification_id)::int AS ids, max(notification_id)::int AS max
      FROM "${to.schema}".stored_events`);
    expect(rows[0]?.['ids']).toBe(sent.length);
  });

  it('is not moved onto something else, nor where something has no column, and goes on where it is', async () => {
    const directory = new Directory();
    const [from, taken, closed] = [inSchema(north()), inSchema(south()), inSchema(south())];
    const old = inShared(south());
    const places = { acme: from, taken, closed, old } as const;
    for (const [tenant, place] of Object.entries(places)) directory.places.set(tenant, place);
    const tenants = directory.open();
    for (const tenant of ['acme', 'taken']) await tenants.use(tenant, (log) => log.push([someUnit()], SENDER));
    const placed = vi.fn();
    const refused = { code: 'PROGRAMMING_ERROR' };
    await expect(tenants.move('acme', { to: taken, placed })).rejects.toMatchObject(refused);
    // Onto itself.
    await expect(tenants.move('acme', { to: from, placed })).rejects.toMatchObject(refused);
    await north().admin.query(`ALTER TABLE "${from.schema}".stored_events ADD COLUMN metadata jsonb`);
    await north().admin.query(`UPDATE "${from.schema}".stored_events SET metadata = '{"who": "ann"}'`);
    await expect(tenants.move('acme', { to: old, placed })).rejects.toMatchObject({
      ...refused,
      details: { columns: 'metadata' },
    });
    await expect(tenants.move('nobody', { to: old, placed })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(tenants.move('acme', { to: old, placed, retryAfterMs: -1 })).rejects.toMatchObject(refused);
    expect(placed).not.toHaveBeenCalled();
    await tenants.use('acme', (log) => log.push([someUnit()], SENDER));
    expect(await tenants.use('acme', (log) => log.head())).toBe(2);
    expect(await tenants.use('taken', (log) => log.head())).toBe(1);
    // Away, and not back to where its rows still are.
    await tenants.move('taken', { to: closed, placed: () => void directory.places.set('taken', closed) });
    await expect(tenants.move('taken', { to: taken, placed })).rejects.toMatchObject(refused);
    expect(await tenants.use('taken', (log) => log.head())).toBe(1);
  });
});
