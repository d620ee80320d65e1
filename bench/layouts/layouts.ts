/**
 * What each layout of tenants costs, on one PostgreSQL that keeps its promises: `fsync` on, every commit waits for the disk.
 *
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { PendingUnit } from '../../src/persistence/unit.js';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import { PostgresTenants } from '../../src/server/tenants/postgres-tenants.js';
import type { TenantPlace } from '../../src/server/tenants/postgres-tenants.js';

const { values } = parseArgs({ options: { tenants: { type: 'string' }, seconds: { type: 'string' } } });
const TENANTS = Number(values.tenants ?? 50);
const SECONDS = Number(values.seconds ?? 4);
const WRITERS = 8;
const SENDER = { subject: 'bench', replicaId: '00000000-0000-4000-8000-00000000000a' };
const STATE = new TextEncoder().encode(JSON.stringify({ note: 'x'.repeat(180) }));
const NAMES = Array.from({ length: TENANTS }, (_, index) => `t${index}`);

interface Layout {
  readonly name: string;
  readonly place: (tenant: string) => TenantPlace;
  readonly prepare: (admin: PgPool) => Promise<void>;
  /** Databases that it fills. */
  readonly databases: readonly string[];
  readonly databaseConnectionsMax: number;
}

function unit(): PendingUnit {
  const event = { originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'stock:Item.Counted', state: STATE };
  return {
    ...{ id: crypto.randomUUID(), isCommutative: false, scopes: [], firstNotificationId: 1, after: [undefined] },
    events: [event],
  };
}

const units = (count: number): PendingUnit[] => Array.from({ length: count }, unit);

function layoutsOf(url: string): readonly Layout[] {
  const at = (database: string): string => Object.assign(new URL(url), { pathname: `/${database}` }).href;
  const shared = (partitions: number): Layout => ({
    name: `shared, ${partitions === 0 ? 'in one piece' : `${partitions} partitions`}`,
    place: () => ({ databaseUrl: at(`shared${partitions}`), shared: { partitions, role: 'tenant' } }),
    prepare: async (admin) => void (await admin.query(`CREATE DATABASE shared${partitions}`)),
    ...{ databases: [`shared${partitions}`], databaseConnectionsMax: 20 },
  });
  return [
    {
      name: 'database per tenant',
      place: (tenant) => ({ databaseUrl: at(`db_${tenant}`) }),
      prepare: async (admin) => {
        for (const name of NAMES) await admin.query(`CREATE DATABASE db_${name}`);
      },
      ...{ databases: NAMES.map((name) => `db_${name}`), databaseConnectionsMax: 2 },
    },
    {
      name: 'schema per tenant',
      place: (tenant) => ({ databaseUrl: at('schemas'), schema: `tenant_${tenant}` }),
      prepare: async (admin) => void (await admin.query('CREATE DATABASE schemas')),
      ...{ databases: ['schemas'], databaseConnectionsMax: 20 },
    },
    shared(0),
    shared(8),
    shared(32),
  ];
}

/** The fastest tenth: what it takes where nobody else is at work, also on a machine that has other work. */
const fastest = (numbers: readonly number[]): number =>
  [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 10)] ?? NaN;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function sizeOf(admin: PgPool, { databases }: Layout): Promise<number> {
  const { rows } = await admin.query(
    'SELECT sum(pg_database_size(datname))::bigint AS bytes FROM pg_database WHERE datname = ANY($1)',
    [[...databases]],
  );
  return Number(rows[0]?.['bytes']);
}

async function measure(layout: Layout, admin: PgPool): Promise<Readonly<Record<string, number>>> {
  const provision = await timed(() => layout.prepare(admin));
  const open = (): PostgresTenants =>
    new PostgresTenants({
      ...{ place: layout.place, seals: { keys: [new Uint8Array(32).fill(1)] } },
      ...{ serverConnectionsMax: 40, databaseConnectionsMax: layout.databaseConnectionsMax },
    });
  let tenants = open();
  const first: number[] = [];
  for (const name of NAMES) first.push(await timed(() => tenants.use(name, (log) => log.head())));
  await tenants.close();
  const empty = await sizeOf(admin, layout);
  tenants = open();
  const again: number[] = [];
  for (const name of NAMES) again.push(await timed(() => tenants.use(name, (log) => log.head())));
  const [tenant = ''] = NAMES;
  const push = async (name: string, count: number): Promise<void> => {
    await tenants.use(name, (log) => log.push(units(count), SENDER));
  };
  for (let warm = 0; warm < 30; warm++) await push(tenant, 1);
  const ones: number[] = [];
  for (let index = 0; index < 200; index++) ones.push(await timed(() => push(tenant, 1)));
  const hundreds: number[] = [];
  for (let index = 0; index < 40; index++) hundreds.push(await timed(() => push(tenant, 100)));
  const pages: number[] = [];
  for (let index = 0; index < 30; index++) {
    const page = () => tenants.use(tenant, (log) => log.page(CURSOR_START, { eventsMax: 500, bytesMax: 1e7 }));
    pages.push(await timed(page));
  }
  let done = 0;
  let isOver = false;
  // Each writer has tenants of its own, which it serves in turn, as many as fit its connections.
  const active = NAMES.slice(0, Math.min(TENANTS, 16));
  const spent = await timed(async () => {
    setTimeout(() => (isOver = true), SECONDS * 1_000);
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let at = writer; !isOver; at += WRITERS) {
        await push(active[at % active.length] as string, 1);
        done++;
      }
    });
    await Promise.all(writers);
  });
  const before = await sizeOf(admin, layout);
  for (let index = 0; index < 50; index++) await push(tenant, 100);
  const perUnit = ((await sizeOf(admin, layout)) - before) / 5_000;
  await tenants.close();
  return {
    'provision, ms a tenant': provision / TENANTS,
    'first opening, ms': fastest(first),
    'opening again, ms': fastest(again),
    'empty, kB a tenant': empty / TENANTS / 1_024,
    'push of 1, ms': fastest(ones),
    'push of 100, ms': fastest(hundreds),
    'page of 500, ms': fastest(pages),
    [`${WRITERS} writers, pushes of 1 a second`]: done / (spent / 1_000),
    'bytes a unit': perUnit,
  };
}

const folder = await mkdtemp(join(tmpdir(), 'daybook-layouts-'));
// PostgreSQL does not run as root, whoever runs this.
await chmod(folder, 0o755);
const server = await startEmbeddedPostgres({ databaseDir: folder });
const admin = await createPgPool({ connectionString: server.url });
try {
  const { rows } = await admin.query('SHOW server_version');
  const load = loadavg()[0] ?? 0;
  console.log(
    `PostgreSQL ${String(rows[0]?.['server_version'])}, ${TENANTS} tenants, load ${load.toFixed(1)} at the start`,
  );
  await admin.query('CREATE ROLE tenant NOLOGIN');
  const results: Record<string, Record<string, string>> = {};
  for (const layout of layoutsOf(server.url)) {
    const figures = await measure(layout, admin);
    for (const [what, value] of Object.entries(figures)) {
      (results[what] ??= {})[layout.name] = value.toFixed(value < 10 ? 2 : 0);
    }
    console.log(layout.name, figures);
  }
  console.table(results);
} finally {
  await admin.end();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
