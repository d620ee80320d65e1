import { MemoryProcessRecorder, StorageFullError } from 'daybook';
import type { Daybook, ProcessRecorder } from 'daybook';
import type { Sync, SyncStatus } from 'daybook/sync';
import { describe, expect, it } from 'vitest';
import { QUANTITY_MAX, StockCountModel } from '../../demo/stock-count-model.js';
import { countOriginatorId } from '../../demo/stock-events.js';
import { STOCK_ITEMS } from '../../demo/stock-items.js';
import { EVENT_ROWS_MAX } from '../../demo/stock-sheet.js';

const REPLICA_ID = '3f1d6c1e-6f0b-4a52-8a3e-5a2f0c9d7b11';
const [FIRST, SECOND] = STOCK_ITEMS as [(typeof STOCK_ITEMS)[number], (typeof STOCK_ITEMS)[number]];
const STATUS: SyncStatus = {
  state: 'idle',
  pending: 0,
  confirmedId: 0,
  offline: false,
  lastSuccessAtMs: undefined,
  lastError: undefined,
  nextAttemptAtMs: undefined,
};

class FakeSync implements Pick<Sync, 'status' | 'pushNow' | 'pause' | 'resume'> {
  readonly calls: string[] = [];
  readonly status: Sync['status'] = {
    value: STATUS,
    subscribe: (listener) => {
      listener(STATUS);
      return () => undefined;
    },
  };
  pushNow(): void {
    this.calls.push('pushNow');
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
  recorder: ProcessRecorder = new MemoryProcessRecorder();

  openTab(): Pick<Daybook, 'replicaId' | 'recorder' | 'onRecorded'> {
    return {
      replicaId: REPLICA_ID,
      recorder: this.recorder,
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

async function startModel(store = new FakeStore(), sync = new FakeSync()): Promise<StockCountModel> {
  const now = (): Date => new Date('2026-02-03T04:05:06.000Z');
  const model = new StockCountModel({ daybook: store.openTab(), sync, items: STOCK_ITEMS, now });
  await model.start();
  return model;
}

const quantityOf = (model: StockCountModel, sku: string): number | undefined =>
  model.state.value.counts.find(({ item }) => item.sku === sku)?.quantity;

describe('StockCountModel', () => {
  it('shows the last stocktake until an item is counted', async () => {
    const model = await startModel();
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity);
    expect(model.state.value.eventsTotal).toBe(0);
  });

  it('loses no click of a quick series, and numbers the versions without gaps', async () => {
    const store = new FakeStore();
    const model = await startModel(store);
    await Promise.all(Array.from({ length: 50 }, () => model.step(FIRST.sku, 1)));
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 50);
    const stored = await store.recorder.selectEvents(countOriginatorId(REPLICA_ID, FIRST.sku));
    expect(stored.map(({ originatorVersion }) => originatorVersion)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  it('records what was counted, what it was before, and when', async () => {
    const store = new FakeStore();
    const model = await startModel(store);
    await model.enter(SECOND.sku, 7);
    const [stored] = await store.recorder.selectNotifications({ start: 1, limit: 10 });
    expect(stored?.topic).toBe('stock:Item.Counted');
    expect(JSON.parse(new TextDecoder().decode(stored?.state))).toEqual({
      sku: SECOND.sku,
      name: SECOND.name,
      quantity: 7,
      previousQuantity: SECOND.lastStocktakeQuantity,
      countedAt: '2026-02-03T04:05:06.000Z',
    });
  });

  it('records a count that confirms the last one, but no step that changes nothing', async () => {
    const model = await startModel();
    await model.enter(FIRST.sku, 0);
    await model.enter(FIRST.sku, 0);
    await model.step(FIRST.sku, -1);
    await model.enter(SECOND.sku, QUANTITY_MAX);
    await model.step(SECOND.sku, 1);
    expect(model.state.value.eventsTotal).toBe(3);
  });

  it('finds every count again after a restart, over several pages', async () => {
    const store = new FakeStore();
    const before = await startModel(store);
    for (let count = 0; count < 1_001; count++) await before.enter(FIRST.sku, count);
    const after = await startModel(store);
    expect(quantityOf(after, FIRST.sku)).toBe(1_000);
    expect(after.state.value.eventsTotal).toBe(1_001);
    expect(after.state.value.rows.map(({ quantity }) => quantity)).toEqual(
      Array.from({ length: EVENT_ROWS_MAX }, (_, index) => 1_000 - index),
    );
  });

  it('shows what another tab counted', async () => {
    const store = new FakeStore();
    const [one, other] = [await startModel(store), await startModel(store)];
    await one.step(FIRST.sku, 1);
    store.tellTabs();
    await expect.poll(() => quantityOf(other, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 1);
  });

  it('decides anew when another tab was first', async () => {
    const store = new FakeStore();
    const [one, other] = [await startModel(store), await startModel(store)];
    await one.step(FIRST.sku, 5);
    // Not told of it yet, so its first attempt takes a version that is taken.
    await other.step(FIRST.sku, 1);
    expect(quantityOf(other, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 6);
    expect(other.state.value.countError).toBeUndefined();
  });

  it('says when a count was not kept, shows the old one, and goes on with the next', async () => {
    const store = new FakeStore();
    const memory = store.recorder;
    let full = true;
    store.recorder = Object.assign(Object.create(memory) as ProcessRecorder, {
      insertEvents: (...args: Parameters<ProcessRecorder['insertEvents']>) =>
        full ? Promise.reject(new StorageFullError('The quota is used up.')) : memory.insertEvents(...args),
      selectNotifications: (...args: Parameters<ProcessRecorder['selectNotifications']>) =>
        memory.selectNotifications(...args),
    });
    const model = await startModel(store);
    await model.step(FIRST.sku, 1);
    expect(model.state.value.countError).toBeInstanceOf(StorageFullError);
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity);
    full = false;
    await model.step(FIRST.sku, 1);
    expect(model.state.value.countError).toBeUndefined();
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 1);
  });

  it('pauses and resumes sending as the switch says', async () => {
    const sync = new FakeSync();
    const model = await startModel(new FakeStore(), sync);
    model.setWorkOffline(true);
    expect(model.state.value.workOffline).toBe(true);
    model.setWorkOffline(false);
    model.sendNow();
    expect(sync.calls).toEqual(['pause', 'resume', 'pushNow']);
  });

  it('keeps devices apart: the same item is another aggregate on each', () => {
    expect(countOriginatorId(REPLICA_ID, FIRST.sku)).toBe(countOriginatorId(REPLICA_ID, FIRST.sku));
    expect(countOriginatorId(REPLICA_ID, FIRST.sku)).not.toBe(countOriginatorId(crypto.randomUUID(), FIRST.sku));
  });
});
