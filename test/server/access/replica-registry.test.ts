import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OperationalError } from '../../../src/persistence/errors.js';
import { MemoryReplicaStore } from '../../../src/server/access/replica-store.js';
import type { ReplicaStore } from '../../../src/server/access/replica-store.js';
import { ReplicaRegistry, REVOCATION_SEEN_MS } from '../../../src/server/access/replica-registry.js';
import { SqlReplicaStore } from '../../../src/server/access/sql-replica-store.js';
import { createSyncServer, MemoryUnitLog } from '../../../src/server/index.js';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { notingPool, postgresFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';
import { pendingUnits, postUnits } from '../../support/unit-wire.js';

interface OpenedStore {
  readonly store: ReplicaStore;
  close(): Promise<void>;
}

const STORES: Readonly<Record<string, () => Promise<OpenedStore>>> = {
  memory: () => Promise.resolve({ store: new MemoryReplicaStore(), close: () => Promise.resolve() }),
  ...Object.fromEntries(
    Object.entries(SQL_RECORDERS).map(([name, open]) => [
      name,
      async (): Promise<OpenedStore> => {
        const { recorder, close } = await open();
        const store = new SqlReplicaStore({ recorder, log: uniqueName() });
        await store.createTables();
        await store.createTables();
        return { store, close };
      },
    ]),
  ),
};

const ONE = '00000000-0000-4000-8000-000000000001';
const TWO = '00000000-0000-4000-8000-000000000002';
const START_MS = Date.parse('2026-03-01T12:00:00Z');
const refused = (reason: string): unknown => expect.objectContaining({ code: 'FORBIDDEN', details: { reason } });

describe.each(Object.entries(STORES))('replicas in %s', (_name, open) => {
  let opened: OpenedStore;
  let clock: ManualClock;
  const log = vi.fn();
  const registry = (options: { replicasPerSubjectMax?: number } = {}): ReplicaRegistry =>
    new ReplicaRegistry({ store: opened.store, clock, log, ...options });

  beforeEach(async () => {
    clock = new ManualClock(START_MS);
    log.mockReset();
    opened = await open();
  });

  afterEach(async () => {
    expect(log).not.toHaveBeenCalled();
    await opened.close();
  });

  it('are whose they are at first, in each tenant by itself', async () => {
    const replicas = registry();
    await replicas.admit({ replicaId: ONE, subject: 'anna', app: 'stock/1.4.2' });
    await replicas.admit({ replicaId: ONE, subject: 'anna' });
    await expect(replicas.admit({ replicaId: ONE, subject: 'bert' })).rejects.toEqual(refused('replica'));
    // Neither by another process, which knows nothing yet.
    await expect(registry().admit({ replicaId: ONE, subject: 'bert' })).rejects.toEqual(refused('replica'));
    await expect(registry().admit({ replicaId: ONE, subject: '' })).rejects.toEqual(refused('replica'));
    await replicas.admit({ tenant: 'north', replicaId: ONE, subject: 'bert' });
    expect(await replicas.list({ tenant: '' })).toEqual([
      {
        tenant: '',
        replicaId: ONE,
        subject: 'anna',
        app: 'stock/1.4.2',
        firstSeenAtMs: START_MS,
        lastSeenAtMs: START_MS,
        ackedPosition: undefined,
        revoked: undefined,
      },
    ]);
  });

  it('that were nobody’s become the first one’s who says a name', async () => {
    const replicas = registry();
    await replicas.admit({ replicaId: ONE, subject: '' });
    await replicas.admit({ replicaId: ONE, subject: 'anna' });
    await expect(replicas.admit({ replicaId: ONE, subject: 'bert' })).rejects.toEqual(refused('replica'));
    await expect(replicas.admit({ replicaId: ONE, subject: '' })).rejects.toEqual(refused('replica'));
    expect((await replicas.list())[0]?.subject).toBe('anna');
  });

  it('that two subjects use first at once are one’s', async () => {
    const [a, b] = [registry(), registry()];
    for (let round = 0; round < 5; round++) {
      const replicaId = crypto.randomUUID();
      const outcomes = await Promise.allSettled([
        a.admit({ replicaId, subject: 'anna' }),
        b.admit({ replicaId, subject: 'bert' }),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it(`that were revoked are out here at once, and elsewhere within ${REVOCATION_SEEN_MS} ms; others go on`, async () => {
    const [here, elsewhere] = [registry(), registry()];
    for (const replicas of [here, elsewhere]) {
      await replicas.admit({ replicaId: ONE, subject: 'anna' });
      await replicas.admit({ replicaId: TWO, subject: 'anna' });
    }
    clock.advance(1_000);
    expect(await here.revoke({ replicaId: ONE }, 'lost in a train')).toBe(true);
    await expect(here.admit({ replicaId: ONE, subject: 'anna' })).rejects.toEqual(refused('revoked'));
    await elsewhere.admit({ replicaId: ONE, subject: 'anna' });
    clock.advance(REVOCATION_SEEN_MS - 1_000);
    await expect(elsewhere.admit({ replicaId: ONE, subject: 'anna' })).rejects.toEqual(refused('revoked'));
    await elsewhere.admit({ replicaId: TWO, subject: 'anna' });
    // Whose it was is nobody else's business, revoked or not.
    await expect(here.admit({ replicaId: ONE, subject: 'bert' })).rejects.toEqual(refused('replica'));
    expect((await here.list({ subject: 'anna' })).map(({ replicaId, revoked }) => [replicaId, revoked])).toEqual([
      [ONE, { atMs: START_MS + 1_000, why: 'lost in a train' }],
      [TWO, undefined],
    ]);
    expect(await here.restore({ replicaId: ONE })).toBe(true);
    await here.admit({ replicaId: ONE, subject: 'anna' });
  });

  it('that nobody knows cannot be revoked, and nothing without a reason', async () => {
    expect(await registry().revoke({ replicaId: ONE }, 'why')).toBe(false);
    expect(await registry().restore({ replicaId: ONE })).toBe(false);
    for (const why of ['', ' ', 'x'.repeat(501), '\ud800']) {
      await expect(registry().revoke({ replicaId: ONE }, why)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    }
  });

  it('cost no statement while they are known, and are noted once a minute', async () => {
    const replicas = registry();
    const [select, bind, noteSeen] = (['select', 'bind', 'noteSeen'] as const).map((name) =>
      vi.spyOn(opened.store, name),
    );
    const visits = Array.from({ length: 100 }, () => replicas.admit({ replicaId: ONE, subject: 'anna' }));
    await Promise.all(visits);
    expect([select, bind, noteSeen].map((spy) => spy?.mock.calls.length)).toEqual([1, 1, 0]);
    clock.advance(REVOCATION_SEEN_MS - 1);
    await replicas.admit({ replicaId: ONE, subject: 'anna' });
    expect(select).toHaveBeenCalledTimes(1);
    for (let seconds = 0; seconds < 120; seconds += 10) {
      clock.advance(10_000);
      await replicas.admit({ replicaId: ONE, subject: 'anna', app: 'stock/2' });
      replicas.noteAcked({ replicaId: ONE }, seconds);
    }
    expect(bind).toHaveBeenCalledTimes(1);
    expect(select?.mock.calls.length).toBeLessThanOrEqual(13);
    expect(noteSeen).toHaveBeenCalledTimes(2);
    await vi.waitFor(async () => {
      const [seen] = await replicas.list();
      expect(seen).toMatchObject({
        app: 'stock/2',
        lastSeenAtMs: expect.any(Number),
        // What it had when it was noted the second time: the last one is to come.
        ackedPosition: 100,
      });
      expect(seen?.lastSeenAtMs).toBeGreaterThan(START_MS + 100_000);
      expect(seen?.firstSeenAtMs).toBe(START_MS);
    });
  });

  it('keep what was seen last, also where it was written first', async () => {
    const { store } = opened;
    const key = { tenant: '', replicaId: ONE };
    await registry().admit({ replicaId: ONE, subject: 'anna', app: 'stock/1' });
    await store.noteSeen({ ...key, nowMs: START_MS + 2_000, app: 'stock/3', ackedPosition: 20 });
    await store.noteSeen({ ...key, nowMs: START_MS + 1_000, app: 'stock/2', ackedPosition: 10 });
    expect(await store.select(key)).toMatchObject({
      ...{ app: 'stock/3', ackedPosition: 20, lastSeenAtMs: START_MS + 2_000 },
    });
  });

  it('are bounded for each subject, and as many as they like for nobody', async () => {
    const replicas = registry({ replicasPerSubjectMax: 2 });
    const visit = (subject: string, tenant?: string): Promise<void> =>
      replicas.admit({ replicaId: crypto.randomUUID(), subject, ...(tenant === undefined ? {} : { tenant }) });
    await visit('anna');
    await visit('anna');
    await expect(visit('anna')).rejects.toEqual(refused('replicas'));
    await visit('anna', 'north');
    await visit('bert');
    for (let count = 0; count < 5; count++) await visit('');
  });

  it('are listed in pages', async () => {
    const replicas = registry();
    const names = [
      { tenant: '', replicaId: TWO },
      { tenant: 'north', replicaId: ONE },
      { tenant: 'north', replicaId: TWO },
      { tenant: 'south', replicaId: ONE },
    ];
    for (const name of names.toReversed()) await replicas.admit({ ...name, subject: 'anna' });
    const found: unknown[] = [];
    for (let after = undefined as { tenant: string; replicaId: string } | undefined; ;) {
      const [next, more] = await replicas.list({ after, limit: 1 });
      expect(more).toBeUndefined();
      if (next === undefined) break;
      after = { tenant: next.tenant, replicaId: next.replicaId };
      found.push(after);
    }
    expect(found).toEqual(names);
    await expect(replicas.list({ limit: 0 })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  it.each(['', 'mine', ONE.toUpperCase().replace('1', 'A'), `${ONE} `])(
    'are named by UUIDs, and not %j',
    async (name) => {
      await expect(registry().admit({ replicaId: name, subject: 'anna' })).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      });
    },
  );

  it('note no label that is none', async () => {
    for (const [index, app] of ['', 'x'.repeat(101), 'a\nb', 'ä'].entries()) {
      await registry().admit({ replicaId: ONE.replace('1', String(index + 1)), subject: 'anna', app });
    }
    expect((await registry().list()).map(({ app }) => app)).toEqual(Array.from({ length: 4 }, () => undefined));
  });
});

describe('a registry whose store fails', () => {
  it('says so, keeps nothing of it, and goes on when it is back', async () => {
    const store = new MemoryReplicaStore();
    const replicas = new ReplicaRegistry({ store, clock: new ManualClock(), log: vi.fn() });
    const select = vi.spyOn(store, 'select').mockRejectedValueOnce(new OperationalError('away'));
    await expect(replicas.admit({ replicaId: ONE, subject: 'anna' })).rejects.toThrow('away');
    await replicas.admit({ replicaId: ONE, subject: 'anna' });
    expect(select).toHaveBeenCalledTimes(2);
  });

  it('lets in all the same when it cannot write down who was there', async () => {
    const store = new MemoryReplicaStore();
    const [clock, log] = [new ManualClock(), vi.fn()];
    const replicas = new ReplicaRegistry({ store, clock, log });
    await replicas.admit({ replicaId: ONE, subject: 'anna' });
    vi.spyOn(store, 'noteSeen').mockRejectedValue(new OperationalError('away'));
    clock.advance(60_000);
    await replicas.admit({ replicaId: ONE, subject: 'anna' });
    await vi.waitFor(() => expect(log).toHaveBeenCalledWith(expect.any(String), expect.any(OperationalError)));
  });
});

it('finds a replica, and those of a subject, by an index', async () => {
  await using fixture = await openPostgres();
  const noted: RunStatement[] = [];
  const recorder = new PostgresProcessRecorder({
    pool: notingPool(fixture.pool, noted),
    applicationName: fixture.name,
  });
  const store = new SqlReplicaStore({ recorder, table: `r${fixture.name}` });
  await store.createTables();
  noted.length = 0;
  const clock = new ManualClock(START_MS);
  const replicas = new ReplicaRegistry({ store, clock, log: vi.fn() });
  await replicas.admit({ replicaId: ONE, subject: 'anna' });
  clock.advance(60_000);
  await replicas.admit({ replicaId: ONE, subject: 'anna' });
  await replicas.list({ subject: 'anna', tenant: '' });
  await vi.waitFor(() => expect(noted.some(({ text }) => text.startsWith('UPDATE'))).toBe(true));
  const faults = await Promise.all(noted.map((statement) => postgresFaults(fixture.pool, statement)));
  // The outcome is not empty because nothing was looked at.
  expect(noted.filter(({ text }) => /^(?:SELECT|INSERT|UPDATE)/.test(text)).length).toBeGreaterThan(4);
  expect(faults.flat()).toEqual([]);
});

it('a server lets in by it, and answers those whom it refuses with 403', async () => {
  const replicas = new ReplicaRegistry({ store: new MemoryReplicaStore(), log: vi.fn() });
  const tokens = ['anna', 'bert'].map((subject) => ({ token: subject, subject }));
  const unitLog = new MemoryUnitLog();
  const { fetch } = createSyncServer({ unitLog, tokens, replicas, log: vi.fn() });
  const headers = { 'daybook-app': 'stock/1', 'daybook-replica': ONE };
  const push = (subject: string): ReturnType<typeof postUnits> =>
    postUnits(fetch, pendingUnits(1), { ...headers, authorization: `Bearer ${subject}` });
  expect((await push('anna')).status).toBe(200);
  const other = await push('bert');
  expect([other.status, other.body.error?.code, other.body.error?.details]).toEqual([
    403,
    'FORBIDDEN',
    { reason: 'replica' },
  ]);
  expect(await unitLog.head()).toBe(1);
  expect(await replicas.list()).toMatchObject([{ replicaId: ONE, subject: 'anna', app: 'stock/1' }]);
  await replicas.revoke({ replicaId: ONE }, 'lost');
  expect((await push('anna')).body.error?.details).toEqual({ reason: 'revoked' });
});
