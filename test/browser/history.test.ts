/** History that leaves a store in a browser, and a store that begins without it, by the sync server's own code. */
import type { Daybook } from 'daybook';
import { Application, command, defineDecider, event } from 'daybook/application';
import { serverHistory, startSync } from 'daybook/sync';
import type { StartSyncOptions } from 'daybook/sync';
import { newOriginatorId } from 'daybook/testing';
import { expect, test, vi } from 'vitest';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { newStoreName, openStore, settled } from './open-store.js';

const PATIENTLY = { timeout: 60_000, interval: 10 };
const URL = 'https://log.example';
const EVENTS = 25;

interface Quantity {
  readonly quantity: number;
  readonly note?: string;
}

const shelf = defineDecider({
  name: 'Shelf',
  events: { Received: event<Quantity>() },
  commands: { Receive: command<Quantity>() },
  initialState: () => ({ quantity: 0 }),
  decide: { Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve: { Received: ({ quantity }, { data }) => ({ quantity: quantity + data.quantity }) },
});

const snapshots = new MemorySnapshotStore();
const unitLog = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(9)] }, snapshots });
const server = createSyncServer({ unitLog, allowAnonymous: true });
const fetch: typeof globalThis.fetch = (input, init) => {
  const request = new Request(input, init);
  // Firefox does not have it of a request.
  if (!('body' in request)) Object.defineProperty(request, 'body', { value: new Response(init?.body).body });
  return server.fetch(request);
};

function appOf(store: Daybook, options: object = {}): Application {
  const { olderEvents } = serverHistory({ url: URL, replicaId: store.replicaId, fetch });
  return new Application({
    recorder: store.recorder,
    aggregates: [shelf],
    keepCommands: true,
    olderEvents,
    ...options,
  });
}

async function synchronise(store: Daybook, options: Partial<StartSyncOptions> = {}): Promise<void> {
  const sync = startSync({ store, url: URL, live: false, fetch, ...options });
  await vi.waitUntil(async () => {
    const { state, pending, position } = sync.status.value;
    return state === 'live' && pending === 0 && position === (await unitLog.head());
  }, PATIENTLY);
  await sync.close();
}

const receive = (app: Application, id: string): Promise<unknown> =>
  app.execute(shelf, id, { type: 'Receive', data: { quantity: 1 } });
const eventsIn = async ({ query }: Daybook): Promise<unknown> =>
  (await query('SELECT count(*) AS count FROM stored_events')).rows[0]?.['count'];

test(
  'history leaves, is gone for whoever opens the store again, and a new store begins without it',
  { timeout: 120_000 },
  async () => {
    const name = newStoreName();
    const store = await openStore(name);
    const ids = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const app = appOf(store, { snapshots: { store: snapshots, interval: 1_000 } });
    for (const id of ids) for (let turn = 0; turn < EVENTS; turn++) await receive(app, id);
    await synchronise(store);
    for (const id of ids) await app.takeSnapshot(shelf, id);

    const { digests } = serverHistory({ url: URL, replicaId: store.replicaId, fetch });
    const left = await app.truncateHistory({ digests, keepMs: 0 });
    expect([...left.aggregates].sort()).toEqual([...ids].sort());
    expect(await eventsIn(store)).toBe(3);
    await store.close();
    const again = await openStore(name);
    expect(await eventsIn(again)).toBe(3);
    const reopened = appOf(again);
    for (const id of ids) expect((await reopened.repository.load(shelf, id)).state.quantity).toBe(EVENTS);
    await expect(again.recorder.selectEvents(ids[0]!)).rejects.toMatchObject({ code: 'HISTORY_TRUNCATED' });
    expect(await reopened.repository.history(shelf, ids[0]!)).toHaveLength(EVENTS);
    await receive(reopened, ids[0]!);
    await synchronise(again);

    const other = newStoreName();
    const [fresh, tab] = [await openStore(other), await openStore(other)];
    await synchronise(fresh, { bootstrap: true });
    expect(await eventsIn(fresh)).toBe(4);
    for (const each of [fresh, tab]) {
      const begun = appOf(each);
      expect((await begun.repository.load(shelf, ids[0]!)).state.quantity).toBe(EVENTS + 1);
      expect(await begun.repository.history(shelf, ids[1]!)).toHaveLength(EVENTS);
    }
    await receive(appOf(tab), ids[1]!);
    await synchronise(tab);
    await synchronise(again);
    expect((await appOf(again).repository.load(shelf, ids[1]!)).state.quantity).toBe(EVENTS + 1);
  },
);

/** All that IndexedDB has of a store. */
async function bytesIn(name: string): Promise<number> {
  const database = await settled(indexedDB.open(`daybook:${name}`));
  try {
    const transaction = database.transaction(['journal', 'chunks']);
    const values = ['journal', 'chunks'].map((of) => settled(transaction.objectStore(of).getAll()));
    const all = (await Promise.all(values)).flat() as readonly Uint8Array[];
    return all.reduce((sum, value) => sum + value.length, 0);
  } finally {
    database.close();
  }
}

test('when most of a store has left, IndexedDB has less of it', { timeout: 120_000 }, async () => {
  const name = newStoreName();
  const store = await openStore(name);
  // Commands are kept for a while after they were confirmed, whatever becomes of their events.
  const app = appOf(store, { keepCommands: false });
  const ids = Array.from({ length: 4 }, newOriginatorId);
  const noted = { type: 'Receive', data: { quantity: 1, note: 'n'.repeat(2_000) } } as const;
  for (const id of ids) await app.executeAll(Array.from({ length: 100 }, () => [shelf, id, noted] as const));
  await synchronise(store);
  await store.storage.eraseDeleted();
  const before = await bytesIn(name);
  expect(before).toBeGreaterThan(400 * 2_000);
  const { digests } = serverHistory({ url: URL, replicaId: store.replicaId, fetch });
  await app.truncateHistory({ digests, keepMs: 0 });
  await store.storage.eraseDeleted();
  expect(await bytesIn(name)).toBeLessThan(before / 4);
  await store.close();
  const again = appOf(await openStore(name));
  for (const id of ids) expect((await again.repository.load(shelf, id)).state.quantity).toBe(100);
});
