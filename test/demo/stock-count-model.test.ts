import { StorageFullError } from 'daybook';
import type { SqlRecorder } from 'daybook';
import { openNodeSqlite, SqliteProcessRecorder } from 'daybook/node-sqlite';
import type { Sync, SyncStatus } from 'daybook/sync';
import { afterEach, describe, expect, it } from 'vitest';
import { StockCountModel } from '../../demo/stock-count-model.js';
import { countOriginatorId, recountOriginatorId } from '../../demo/stock-events.js';
import { STOCK_ITEMS } from '../../demo/stock-items.js';
import { EVENT_ROWS_MAX } from '../../demo/stock-sheet.js';
import { ObservableValue } from '../../src/util/observable.js';

const REPLICA_ID = '3f1d6c1e-6f0b-4a52-8a3e-5a2f0c9d7b11';
const [FIRST, SECOND] = STOCK_ITEMS as [(typeof STOCK_ITEMS)[number], (typeof STOCK_ITEMS)[number]];
const STATUS: SyncStatus = {
  state: 'live',
  pending: 0,
  setAside: 0,
  backlog: 'normal',
  position: 0,
  head: 0,
  acceptedUpTo: 0,
  offline: false,
  lastSuccessAtMs: undefined,
  lastError: undefined,
  nextAttemptAtMs: undefined,
};

class FakeSync implements Pick<Sync, 'status' | 'syncNow' | 'pause' | 'resume'> {
  readonly calls: string[] = [];
  /** Of the store: nothing was sent. */
  firstPendingId: number | undefined = 1;
  readonly #status = new ObservableValue(STATUS);
  readonly status: Sync['status'] = this.#status;
  says(status: Partial<SyncStatus>): void {
    this.#status.set({ ...STATUS, ...status });
  }
  syncNow(): void {
    this.calls.push('syncNow');
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
}

/** One store, to be opened by several tabs. */
class FakeStore {
  readonly #listeners = new Set<() => void>();
  readonly recorder: SqlRecorder;
  /** Thrown by every transaction while it is there. */
  failure: Error | undefined;

  constructor(recorder: SqlRecorder) {
    const transaction = recorder.transaction.bind(recorder);
    this.recorder = Object.assign(recorder, {
      transaction: async <T>(work: Parameters<typeof transaction<T>>[0]) => {
        if (this.failure !== undefined) throw this.failure;
        return await transaction(work);
      },
    });
  }

  openTab(): ConstructorParameters<typeof StockCountModel>[0]['daybook'] {
    return {
      replicaId: REPLICA_ID,
      onRecorded: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  tellTabs(): void {
    for (const listener of this.#listeners) listener();
  }
}

const closings: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});

async function openStore(): Promise<FakeStore> {
  const database = await openNodeSqlite({ path: ':memory:' });
  closings.push(() => database.close());
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return new FakeStore(recorder);
}

async function startModel(store: FakeStore, sync = new FakeSync()): Promise<StockCountModel> {
  const now = (): Date => new Date('2026-02-03T04:05:06.000Z');
  const { recorder } = store;
  const firstPendingId = async (): Promise<number | undefined> => sync.firstPendingId;
  const daybook = store.openTab();
  const model = new StockCountModel({ daybook, recorder, sync, firstPendingId, items: STOCK_ITEMS, now });
  closings.push(await model.start());
  return model;
}

const quantityOf = (model: StockCountModel, sku: string): number | undefined =>
  model.state.value.counts.find(({ item }) => item.sku === sku)?.quantity;

describe('StockCountModel', () => {
  it('shows the last stocktake until an item is counted', async () => {
    const model = await startModel(await openStore());
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity);
    expect(model.state.value.entriesTotal).toBe(0);
  });

  it('loses no click of a quick series, and numbers the versions without gaps', async () => {
    const store = await openStore();
    const model = await startModel(store);
    await Promise.all(Array.from({ length: 50 }, () => model.step(FIRST.sku, 1)));
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 50);
    const stored = await store.recorder.selectEvents(countOriginatorId(REPLICA_ID, FIRST.sku));
    expect(stored.map(({ originatorVersion }) => originatorVersion)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  it('records what was counted, what it was before, and when', async () => {
    const store = await openStore();
    const model = await startModel(store);
    await model.enter(SECOND.sku, 7);
    const [stored] = await store.recorder.selectNotifications({ start: 1, limit: 10 });
    expect(stored?.topic).toBe('stock:Item.Counted');
    expect(JSON.parse(new TextDecoder().decode(stored?.state))).toMatchObject({
      sku: SECOND.sku,
      name: SECOND.name,
      quantity: 7,
      previousQuantity: SECOND.lastStocktakeQuantity,
      countedAt: '2026-02-03T04:05:06.000Z',
      metadata_: { actor_id: REPLICA_ID },
    });
  });

  it('asks for a recount of what is hard to believe, in every tab and once, until it is counted again', async () => {
    const store = await openStore();
    const [one, other] = [await startModel(store), await startModel(store)];
    await one.enter(FIRST.sku, 360);
    const recountsOf = (model: StockCountModel): readonly object[] =>
      model.state.value.counts.flatMap(({ item, recount }) => (recount === undefined ? [] : [{ item, recount }]));
    const tell = (): number => {
      store.tellTabs();
      return one.state.value.recounts.length + other.state.value.recounts.length;
    };
    await expect.poll(tell).toBe(2);
    expect(one.state.value.recounts).toMatchObject([{ sku: FIRST.sku, expectedQuantity: 36, countedQuantity: 360 }]);
    expect(recountsOf(other)).toMatchObject([{ item: FIRST, recount: { countedQuantity: 360 } }]);
    await other.enter(FIRST.sku, 36);
    await expect.poll(tell).toBe(0);
    expect(one.state.value.rows.map(({ kind }) => kind)).toEqual([
      'recount-done',
      'counted',
      'recount-asked',
      'counted',
    ]);
    expect(one.state.value.entriesTotal).toBe(4);
    const taskId = recountOriginatorId(countOriginatorId(REPLICA_ID, FIRST.sku));
    expect(await store.recorder.selectEvents(taskId)).toHaveLength(2);
  });

  it('goes on with a store that the first version of the demo has filled', async () => {
    const store = await openStore();
    const data = { sku: FIRST.sku, name: FIRST.name, previousQuantity: 36, countedAt: '2025-12-24T08:00:00.000Z' };
    await store.recorder.insertEvents(
      [30, 31].map((quantity, index) => ({
        originatorId: countOriginatorId(REPLICA_ID, FIRST.sku),
        originatorVersion: index + 1,
        topic: 'stock:Item.Counted',
        state: new TextEncoder().encode(JSON.stringify({ ...data, quantity })),
      })),
    );
    const model = await startModel(store);
    expect(quantityOf(model, FIRST.sku)).toBe(31);
    expect(model.state.value.rows.map(({ at }) => at.toISOString())).toEqual(Array(2).fill(data.countedAt));
    await model.step(FIRST.sku, 1);
    expect(quantityOf(model, FIRST.sku)).toBe(32);
    expect(model.state.value.entriesTotal).toBe(3);
  });

  it('lets be what a newer version has recorded beside counts', async () => {
    const store = await openStore();
    const state = new TextEncoder().encode('{}');
    await store.recorder.insertEvents([
      { originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'stock:Item.Moved', state },
    ]);
    const model = await startModel(store);
    await model.step(FIRST.sku, 1);
    expect(model.state.value).toMatchObject({ entriesTotal: 1, countError: undefined, recountError: undefined });
  });

  it('records a count that confirms the last one, but no step that changes nothing', async () => {
    const store = await openStore();
    const model = await startModel(store);
    await model.enter(FIRST.sku, 36);
    await model.enter(FIRST.sku, 36);
    await model.enter(SECOND.sku, 0);
    await model.step(SECOND.sku, -1);
    const counts = await store.recorder.selectNotifications({ start: 1, limit: 10, topics: ['stock:Item.Counted'] });
    expect(counts).toHaveLength(3);
  });

  it('finds every count again after a restart, over several pages', async () => {
    const store = await openStore();
    const before = await startModel(store);
    // From the stocktake on: no recount is asked for, whose events would be among the counts.
    for (let count = 0; count < 1_001; count++) await before.enter(FIRST.sku, FIRST.lastStocktakeQuantity + count);
    const after = await startModel(store);
    expect(quantityOf(after, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 1_000);
    expect(after.state.value.entriesTotal).toBe(1_001);
    expect(after.state.value.rows.map((row) => row.kind === 'counted' && row.quantity)).toEqual(
      Array.from({ length: EVENT_ROWS_MAX }, (_, index) => FIRST.lastStocktakeQuantity + 1_000 - index),
    );
  });

  it('shows what another tab counted', async () => {
    const store = await openStore();
    const [one, other] = [await startModel(store), await startModel(store)];
    await one.step(FIRST.sku, 1);
    store.tellTabs();
    await expect.poll(() => quantityOf(other, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 1);
  });

  it('decides anew when another tab was first', async () => {
    const store = await openStore();
    const [one, other] = [await startModel(store), await startModel(store)];
    await Promise.all(Array.from({ length: 20 }, () => [one.step(FIRST.sku, 5), other.step(FIRST.sku, 1)]).flat());
    store.tellTabs();
    for (const tab of [one, other]) {
      await expect.poll(() => quantityOf(tab, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 120);
      expect(tab.state.value.countError).toBeUndefined();
    }
  });

  it('says when a count was not kept, shows the old one, and goes on with the next', async () => {
    const store = await openStore();
    const model = await startModel(store);
    store.failure = new StorageFullError('The quota is used up.');
    await model.step(FIRST.sku, 1);
    expect(model.state.value.countError).toBeInstanceOf(StorageFullError);
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity);
    store.failure = undefined;
    await model.step(FIRST.sku, 1);
    expect(model.state.value.countError).toBeUndefined();
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 1);
  });

  it('counts as pending what is in the list and not sent, before sync has seen it', async () => {
    const sync = new FakeSync();
    const store = await openStore();
    const model = await startModel(store, sync);
    await model.step(FIRST.sku, 1);
    await model.step(FIRST.sku, 1);
    const { notificationId } = model.state.value.rows.at(-1)!;
    const all = model.state.value.rows.length;
    expect(all).toBeGreaterThanOrEqual(2);
    expect(model.state.value.sync.pending).toBe(all);
    // A page has confirmed it: the store tells of that as of a commit.
    sync.firstPendingId = notificationId + 1;
    store.tellTabs();
    await expect.poll(() => model.state.value.confirmedId).toBe(notificationId);
    expect(model.state.value.sync.pending).toBe(all - 1);
    // It knows of more than the list shows.
    sync.says({ pending: 500 });
    expect(model.state.value.sync.pending).toBe(500);
    sync.says({ pending: 0 });
    expect(model.state.value.sync.pending).toBe(all - 1);
    sync.firstPendingId = undefined;
    store.tellTabs();
    await expect.poll(() => model.state.value.sync.pending).toBe(0);
    // What is not in the list yet is not said to be in the books.
    expect(model.state.value.confirmedId).toBe(model.state.value.rows[0]?.notificationId);
  });

  it('pauses and resumes sending as the switch says', async () => {
    const sync = new FakeSync();
    const model = await startModel(await openStore(), sync);
    model.setWorkOffline(true);
    expect(model.state.value.workOffline).toBe(true);
    model.setWorkOffline(false);
    model.sendNow();
    expect(sync.calls).toEqual(['pause', 'resume', 'syncNow']);
  });

  it('keeps devices apart: the same item is another aggregate on each', () => {
    expect(countOriginatorId(REPLICA_ID, FIRST.sku)).toBe(countOriginatorId(REPLICA_ID, FIRST.sku));
    expect(countOriginatorId(REPLICA_ID, FIRST.sku)).not.toBe(countOriginatorId(crypto.randomUUID(), FIRST.sku));
  });
});
