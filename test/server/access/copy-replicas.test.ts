/** Which replica is whose goes along with a tenant. */
import { expect, it } from 'vitest';
import { copyReplicas } from '../../../src/server/access/copy-replicas.js';
import { MemoryReplicaStore } from '../../../src/server/access/replica-store.js';
import type { ReplicaStore } from '../../../src/server/access/replica-store.js';
import { SqlReplicaStore } from '../../../src/server/access/sql-replica-store.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';

const ALL = { limit: 10_000 };
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;

async function fill(store: ReplicaStore): Promise<void> {
  for (let index = 0; index < 1_200; index++) {
    const key = { tenant: index % 2 === 0 ? 'acme' : 'globex', replicaId: idOf(index) };
    await store.bind({ ...key, subject: `s${index % 7}`, app: undefined, nowMs: index, replicasMax: 10_000 });
  }
  const seen = { tenant: 'acme', replicaId: idOf(2), app: 'stock 2', ackedPosition: 17 };
  await store.noteSeen({ ...seen, nowMs: 5_000 });
  await store.setRevoked(seen, { atMs: 6_000, why: 'lost' });
}

it('copies a tenant’s replicas, more than are read at once, also again', async () => {
  await using postgres = await openPostgres();
  const to = new SqlReplicaStore({ recorder: postgres.recorder, table: uniqueName() });
  await to.createTables();
  const from = new MemoryReplicaStore();
  await fill(from);
  const acmes = { ...ALL, tenant: 'acme' };
  expect(await copyReplicas({ from, to, tenant: 'acme' })).toBe(600);
  expect(await to.list(ALL)).toEqual(await from.list(acmes));
  const [revoked, other] = [idOf(2), idOf(4)].map((replicaId) => ({ tenant: 'acme', replicaId }));
  await from.setRevoked(revoked!, undefined);
  await from.setRevoked(other!, { atMs: 7_000, why: 'left' });
  expect(await copyReplicas({ from, to })).toBe(1_200);
  expect(await to.list(ALL)).toEqual(await from.list(ALL));
});

it('leaves another subject’s replica what it is', async () => {
  const [from, to] = [new MemoryReplicaStore(), new MemoryReplicaStore()];
  const replica = { tenant: 'acme', replicaId: idOf(1), app: undefined, nowMs: 1, replicasMax: 9 };
  await from.bind({ ...replica, subject: 'ann' });
  await from.setRevoked(replica, { atMs: 2, why: 'lost' });
  await to.bind({ ...replica, subject: 'bob' });
  const before = await to.list(ALL);
  await copyReplicas({ from, to });
  expect(await to.list(ALL)).toEqual(before);
});
