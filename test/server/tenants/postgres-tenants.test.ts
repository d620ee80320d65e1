/** Tenants on several real PostgreSQL servers, in databases and schemas of their own and in tables that they share. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createPgPool } from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import { startEmbeddedPostgres } from '../../../src/server/hosts/embedded-postgres.js';
import type { EmbeddedPostgresServer } from '../../../src/server/hosts/embedded-postgres.js';
import { PostgresTenants, tenantSchema } from '../../../src/server/tenants/postgres-tenants.js';
import type { PostgresTenantsOptions, TenantPlace } from '../../../src/server/tenants/postgres-tenants.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { CountingClock } from '../../support/counting-clock.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';
import { pendingUnit, pushRequest } from '../../support/unit-wire.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const someUnit = (): ReturnType<typeof sampleUnit> => sampleUnit([sampleEvent(newOriginatorId(), 1)]);

/** A PostgreSQL of its own, with whoever looks at it beside the tenants. */
interface Server {
  readonly databaseDir: string;
  postgres: EmbeddedPostgresServer;
  admin: PgPool;
}

const servers: Server[] = [];
beforeAll(async () => {
  for (let index = 0; index < 2; index++) {
    const { path } = await makeTemporaryFolder();
    const postgres = await startEmbeddedPostgres({ databaseDir: path, ...FAST_POSTGRES });
    servers.push({ databaseDir: path, postgres, admin: await createPgPool({ connectionString: postgres.url }) });
  }
});
afterAll(async () => {
  for (const { admin, postgres } of servers) {
    await admin.end();
    await postgres.close();
  }
});

const [north, south] = [(): Server => servers[0]!, (): Server => servers[1]!];

function open(options: Partial<PostgresTenantsOptions> & Pick<PostgresTenantsOptions, 'place'>, clock?: CountingClock) {
  const tenants = new PostgresTenants({ name: 'log', ...options }, clock);
  onTestFinished(() => tenants.close());
  return tenants;
}

async function newDatabase({ admin, postgres }: Server): Promise<string> {
  const name = uniqueName();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return url.href;
}

const idsOf = async (tenants: PostgresTenants, tenant: string): Promise<readonly string[]> =>
  (await tenants.use(tenant, (log) => readLog(log))).units.map(({ id }) => id);

describe('tenants', () => {
  it('have their logs where they are placed: on servers, in databases, in schemas, in shared tables', async () => {
    const run = uniqueName();
    const role = await makeTenantRole(north().admin);
    const [ofNorth, ofSouth] = [await newDatabase(north()), await newDatabase(south())];
    const shared = { partitions: 2, role };
    const schema = `${run}_shared`;
    const places: Readonly<Record<string, TenantPlace>> = {
      'a database': { databaseUrl: ofNorth },
      'another database': { databaseUrl: ofSouth },
      'a schema': { databaseUrl: north().postgres.url, schema: tenantSchema(`${run}_a`) },
      'another schema': { databaseUrl: north().postgres.url, schema: tenantSchema(`${run} É`) },
      'the same schema, elsewhere': { databaseUrl: south().postgres.url, schema: tenantSchema(`${run}_a`) },
      'some shared tables': { databaseUrl: north().postgres.url, schema, shared },
      'the same shared tables': { databaseUrl: north().postgres.url, schema, shared },
    };
    const tenants = open({ place: (tenant) => places[tenant] });
    // The same aggregate, the same version, the same unit: of each tenant its own.
    const event = sampleEvent(newOriginatorId(), 1);
    const unit = sampleUnit([event]);
    const own = new Map(Object.keys(places).map((tenant) => [tenant, someUnit()]));
    await Promise.all(
      Object.keys(places).map(async (tenant) => {
        const { decisions } = await tenants.use(tenant, (log) => log.push([unit, own.get(tenant)!], SENDER));
        expect(decisions, tenant).toMatchObject([
          { kind: 'accepted', position: 1 },
          { kind: 'accepted', position: 2 },
        ]);
      }),
    );
    for (const [tenant, { id }] of own) expect(await idsOf(tenants, tenant), tenant).toEqual([unit.id, id]);
    const { rows } = await south().admin.query(
      `SELECT count(*)::int AS events FROM "${places['the same schema, elsewhere']!.schema}".stored_events`,
    );
    expect(rows).toEqual([{ events: 2 }]);
    await expect(tenants.use('nobody', (log) => log.head())).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { reason: 'tenant' },
    });
  });

  it('get a schema once, when many come to several hosts at once, and keep it', async () => {
    const tenant = uniqueName();
    const place = (): TenantPlace => ({ databaseUrl: north().postgres.url, schema: tenantSchema(tenant) });
    const hosts = [open({ place }), open({ place }), open({ place })];
    const units = Array.from({ length: 9 }, someUnit);
    await Promise.all(units.map((unit, index) => hosts[index % 3]!.use(tenant, (log) => log.push([unit], SENDER))));
    for (const host of hosts) expect(new Set(await idsOf(host, tenant))).toEqual(new Set(units.map(({ id }) => id)));
    const later = open({ place });
    expect(await later.use(tenant, (log) => log.head())).toBe(9);
  });

  it('whose server is down are told so, and served when it is back; those of another server go on', async () => {
    const lost = await startServer();
    const { port } = new URL(lost.postgres.url);
    const run = uniqueName();
    const tenants = open({
      place: (tenant) => ({
        databaseUrl: (tenant === 'lost' ? lost : north()).postgres.url,
        schema: tenantSchema(`${run}_${tenant}`),
      }),
    });
    const { fetch } = createSyncServer({ unitLog: tenants, allowAnonymous: true, log: () => undefined });
    const push = async (tenant: string): Promise<Response> =>
      await fetch(pushRequest([pendingUnit()], {}, `/v2/t/${tenant}`));
    expect([(await push('lost')).status, (await push('fine')).status]).toEqual([200, 200]);
    await lost.postgres.close();
    const outcomes = await Promise.all(['lost', 'fine', 'lost', 'fine', 'lost', 'fine', 'new'].map(push));
    expect(outcomes.map(({ status }) => status)).toEqual([503, 200, 503, 200, 503, 200, 200]);
    lost.postgres = await startEmbeddedPostgres({
      ...FAST_POSTGRES,
      databaseDir: lost.databaseDir,
      port: Number(port),
    });
    expect((await push('lost')).status).toBe(200);
    expect(await tenants.use('lost', (log) => log.head())).toBe(2);
  });

  it('whose server says nothing any more keep nobody else waiting', async () => {
    const proxy = await openPostgresProxy(south().postgres.url);
    onTestFinished(() => proxy.close());
    const run = uniqueName();
    const tenants = open({
      place: (tenant) => ({
        databaseUrl: tenant.startsWith('mute') ? proxy.url : north().postgres.url,
        schema: tenantSchema(`${run}_${tenant}`),
      }),
      ...{ serverConnectionsMax: 2, databaseConnectionsMax: 2 },
    });
    await tenants.use('mute1', (log) => log.push([someUnit()], SENDER));
    proxy.fallSilent();
    let isAnswered = false;
    const mute = Array.from({ length: 20 }, (_, index) =>
      tenants
        .use(`mute${index}`, (log) => log.push([someUnit()], SENDER))
        .then(
          () => (isAnswered = true),
          () => (isAnswered = true),
        ),
    );
    for (const tenant of ['a', 'b', 'c']) {
      for (let times = 0; times < 5; times++) await tenants.use(tenant, (log) => log.push([someUnit()], SENDER));
      expect(await tenants.use(tenant, (log) => log.head())).toBe(5);
    }
    expect(isAnswered).toBe(false);
    await proxy.close();
    await Promise.all(mute);
  });

  it('are served behind a pooler that takes no start-up parameters', async () => {
    const proxy = await openPostgresProxy(south().postgres.url);
    onTestFinished(() => proxy.close());
    proxy.refuseParametersBeside(['user', 'database', 'client_encoding', 'application_name']);
    const tenants = open({ place: () => ({ databaseUrl: proxy.url, schema: uniqueName() }) });
    await tenants.use('a', (log) => log.push([someUnit()], SENDER));
    expect(await tenants.use('a', (log) => log.head())).toBe(1);
  });

  it('that are held are refused with 503 and a time; whoever uses one is waited for', async () => {
    const tenant = uniqueName();
    const tenants = open({ place: () => ({ databaseUrl: north().postgres.url, schema: tenantSchema(tenant) }) });
    const { fetch } = createSyncServer({ unitLog: tenants, allowAnonymous: true, log: () => undefined });
    const push = async (): Promise<Response> => await fetch(pushRequest([pendingUnit()], {}, `/v2/t/${tenant}`));
    expect((await push()).status).toBe(200);
    let end = (): void => undefined;
    const using = tenants.use(tenant, () => new Promise<void>((resolve) => (end = resolve)));
    let release: (() => void) | undefined;
    const holding = tenants.hold(tenant, 7_000).then((done) => (release = done));
    const refused = await push();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7']);
    expect(await refused.json()).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    await expect(tenants.hold(tenant, 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(release).toBeUndefined();
    end();
    await using;
    await holding;
    expect((await push()).status).toBe(503);
    release?.();
    expect((await push()).status).toBe(200);
  });
});

async function startServer(): Promise<Server> {
  const folder = await makeTemporaryFolder();
  const postgres = await startEmbeddedPostgres({ databaseDir: folder.path, ...FAST_POSTGRES });
  const server: Server = { databaseDir: folder.path, postgres, admin: north().admin };
  onTestFinished(async () => {
    await server.postgres.close();
    await folder.remove();
  });
  return server;
}

describe('connections', () => {
  async function openTo(server: Server): Promise<number> {
    const { rows } = await server.admin.query(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE application_name = 'daybook' AND backend_type = 'client backend' AND datname LIKE 't%'`,
    );
    return Number(rows[0]?.['count']);
  }

  it('are bounded for a server, however many databases it has, and closed when nobody needs them', async () => {
    const clock = new CountingClock();
    const names = Array.from({ length: 6 }, (_, index) => `${index}`);
    const databases = new Map<string, string>();
    for (const name of names) databases.set(name, await newDatabase(south()));
    const place = (tenant: string): TenantPlace => ({ databaseUrl: databases.get(tenant)! });
    const bounds = { serverConnectionsMax: 4, databaseConnectionsMax: 2, idleMs: 1_000 };
    const tenants = open({ place, ...bounds }, clock);
    let most = 0;
    const pushed = new Map(names.map((name) => [name, 0]));
    for (let round = 0; round < 3; round++) {
      for (const name of names) {
        await Promise.all(
          Array.from({ length: 4 }, async () => {
            await tenants.use(name, (log) => log.push([someUnit()], SENDER));
            pushed.set(name, pushed.get(name)! + 1);
          }),
        );
        most = Math.max(most, await openTo(south()));
      }
    }
    // One closes while the next one opens: what is being ended still counts there for a moment.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(bounds.serverConnectionsMax + bounds.databaseConnectionsMax);
    for (const [name, count] of pushed) expect((await idsOf(tenants, name)).length).toBe(count);
    clock.advance(bounds.idleMs);
    await expect.poll(() => openTo(south())).toBe(0);
  });

  it('of more databases at once than there is room for let devices come again', async () => {
    const databases = [await newDatabase(south()), await newDatabase(south())];
    const tenants = open({
      place: (tenant) => ({ databaseUrl: databases[Number(tenant)]! }),
      ...{ serverConnectionsMax: 1, databaseConnectionsMax: 1 },
    });
    for (const tenant of ['0', '1']) await tenants.use(tenant, (log) => log.head());
    const client = await createPgPool({ connectionString: databases[0]! });
    onTestFinished(() => client.end());
    const holder = await client.connect();
    await holder.query('BEGIN; LOCK TABLE stored_events IN EXCLUSIVE MODE');
    const waiting = tenants.use('0', (log) => log.push([someUnit()], SENDER));
    await expect
      .poll(async () => {
        const { rows } = await holder.query(`SELECT FROM pg_locks WHERE NOT granted`);
        return rows.length;
      })
      .toBeGreaterThan(0);
    await expect(tenants.use('1', (log) => log.head())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { retryAfterMs: 1_000 },
    });
    await holder.query('COMMIT');
    holder.release();
    await waiting;
    expect(await tenants.use('1', (log) => log.head())).toBe(0);
  });
});

it('schemas have a name for each tenant, which no other one has', () => {
  const names = ['acme', 'Acme', 'a b', '', 'x'.repeat(40), 'x'.repeat(41), 'é', 'e\u0301', tenantSchema('é').slice(7)];
  const schemas = names.map(tenantSchema);
  expect(new Set(schemas).size).toBe(names.length);
  for (const schema of schemas) expect(schema).toMatch(/^tenant_[a-z0-9_]{1,50}$/);
  expect(tenantSchema('acme')).toBe('tenant_acme');
});

it.each([
  [{ place: undefined as never }, 'place'],
  [{ serverConnectionsMax: 0 }, 'serverConnectionsMax'],
  [{ databaseConnectionsMax: 1.5 }, 'databaseConnectionsMax'],
  [{ openMax: 0 }, 'openMax'],
  [{ idleMs: -1 }, 'idleMs'],
])('refuses %j', (options, name) => {
  expect(() => new PostgresTenants({ place: () => undefined, ...options })).toThrow(name);
});
