import { StorageFullError } from 'daybook';
import type { RebasedUnit } from 'daybook/application';
import type { Sync, SyncStatus } from 'daybook/sync';
import { afterEach, describe, expect, it } from 'vitest';
import { StockApplication } from '../../demo/stock-application.js';
import { StockCountModel } from '../../demo/stock-count-model.js';
import { recountOriginatorId } from '../../demo/stock-events.js';
import { STOCK_ITEMS } from '../../demo/stock-items.js';
import { ENTRY_ROWS_MAX } from '../../demo/stock-sheet.js';
import { LiveQueries } from '../../src/live/index.js';
import { ObservableValue } from '../../src/util/observable.js';
import { closeScenes, Scene, SceneStore } from '../support/sync-scene.js';
import type { SceneTab } from '../support/sync-scene.js';

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

/** A tab's recorder, whose transactions can be made to fail. */
class FaultyTab {
  failure: Error | undefined;
  readonly tab: SceneTab;
  readonly recorder: SceneTab['store']['recorder'];

  constructor(tab: SceneTab) {
    this.tab = tab;
    this.recorder = new Proxy(tab.store.recorder, {
      get: (recorder, name) => {
        const { failure } = this;
        if (name === 'transaction' && failure !== undefined) return () => Promise.reject(failure);
        return Reflect.get(recorder, name) as unknown;
      },
    });
  }
}

const closings: (() => Promise<void>)[] = [];
const stores: SceneStore[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
  await closeScenes();
  for (const { tabs } of stores.splice(0)) for (const tab of tabs) await tab.close();
});

function newStore(): SceneStore {
  const store = new SceneStore(crypto.randomUUID());
  stores.push(store);
  return store;
}

async function startApplication(
  { store, news, inside }: SceneTab,
  recorder: SceneTab['store']['recorder'] = store.recorder,
): Promise<StockApplication> {
  const now = (): Date => new Date('2026-02-03T04:05:06.000Z');
  const application = new StockApplication({
    ...{ recorder, replicaId: store.replicaId, now },
    live: new LiveQueries({
      recorder: {
        query: (text, values) => recorder.query(text, values),
        dialect: inside.dialect,
        onChanged: news.onChanged.bind(news),
      },
    }),
    onRecorded: (listener) => store.onRecorded(listener),
  });
  await application.start();
  return application;
}

async function startModel(
  tab: SceneTab,
  {
    sync = new FakeSync(),
    recorder,
    counterName = 'Ana',
    application,
  }: {
    sync?: Pick<Sync, keyof FakeSync & keyof Sync>;
    recorder?: SceneTab['store']['recorder'];
    counterName?: string;
    application?: StockApplication;
  } = {},
): Promise<StockCountModel> {
  application ??= await startApplication(tab, recorder);
  const model = new StockCountModel({ daybook: tab.store, application, sync, items: STOCK_ITEMS, counterName });
  closings.push(await model.start());
  return model;
}

const utf8 = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const countOf = (model: StockCountModel, sku: string) => model.state.value.counts.find(({ item }) => item.sku === sku)!;
const quantityOf = (model: StockCountModel, sku: string): number => countOf(model, sku).quantity;

describe('a device', () => {
  it('shows the last stocktake until an item is counted', async () => {
    const model = await startModel(await newStore().open());
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity);
    expect(model.state.value.rows).toEqual([]);
  });

  it('loses no click of a quick series, and numbers the versions without gaps', async () => {
    const tab = await newStore().open();
    const model = await startModel(tab);
    await Promise.all(Array.from({ length: 50 }, () => model.step(FIRST.sku, 1)));
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 50);
    const stored = await tab.inside.selectEvents(FIRST.id);
    expect(stored.map(({ originatorVersion }) => originatorVersion)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  it('records what was counted, what it was before, who counted, and when', async () => {
    const tab = await newStore().open();
    const model = await startModel(tab);
    model.setCounterName('Ana Sousa');
    await model.enter(SECOND.sku, 7);
    const [stored] = await tab.inside.selectNotifications({ start: 1, limit: 10 });
    expect(stored).toMatchObject({ topic: 'stock:Item.Counted', originatorId: SECOND.id });
    const deviceId = tab.store.replicaId;
    expect(JSON.parse(new TextDecoder().decode(stored?.state))).toMatchObject({
      sku: SECOND.sku,
      name: SECOND.name,
      quantity: 7,
      previousQuantity: SECOND.lastStocktakeQuantity,
      countedAt: '2026-02-03T04:05:06.000Z',
      countedBy: { deviceId, name: 'Ana Sousa' },
      metadata_: { actor_id: deviceId },
    });
    expect(countOf(model, SECOND.sku)).toMatchObject({ countedBy: { name: 'Ana Sousa' }, place: 'device' });
  });

  it('goes on with a store that the first version of the demo has filled, and lets be what a newer one has', async () => {
    const tab = await newStore().open();
    const countedAt = '2025-12-24T08:00:00.000Z';
    const data = { sku: FIRST.sku, name: FIRST.name, quantity: 30, previousQuantity: 36, countedAt };
    // A device had aggregates of its own then, and a count did not say whose it was.
    const old = { originatorId: crypto.randomUUID(), originatorVersion: 1 };
    await tab.inside.insertEvents([
      { ...old, topic: 'stock:Item.Counted', state: utf8(data) },
      { originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'stock:Item.Moved', state: utf8({}) },
    ]);
    const model = await startModel(tab);
    expect(model.state.value.rows).toMatchObject([{ quantity: 30, by: undefined, at: new Date(countedAt) }]);
    await model.step(FIRST.sku, 1);
    expect(quantityOf(model, FIRST.sku)).toBe(37);
    expect(model.state.value).toMatchObject({
      countError: undefined,
      recountError: undefined,
      entriesError: undefined,
    });
    expect(model.state.value.rows).toHaveLength(2);
  });

  it('finds every count again after a restart, takes in what it has not seen, and shows the newest', async () => {
    const store = newStore();
    const before = await store.open();
    await (await startModel(before)).enter(FIRST.sku, 36);
    const counts = ENTRY_ROWS_MAX + 3;
    const { sku, name } = FIRST;
    const countedAt = '2026-02-03T04:05:06.000Z';
    await before.inside.insertEvents(
      Array.from({ length: counts }, (_, index) => ({
        originatorId: FIRST.id,
        originatorVersion: index + 2,
        topic: 'stock:Item.Counted',
        state: utf8({ sku, name, quantity: index + 1, previousQuantity: index, countedAt }),
      })),
    );
    const after = await startModel(await store.open());
    expect(quantityOf(after, FIRST.sku)).toBe(counts);
    expect(after.state.value.hasMoreRows).toBe(true);
    expect(after.state.value.rows.map((row) => row.kind === 'counted' && row.quantity)).toEqual(
      Array.from({ length: ENTRY_ROWS_MAX }, (_, index) => counts - index),
    );
  });

  it('decides anew when another tab was first', async () => {
    const store = newStore();
    const [one, other] = [await startModel(await store.open()), await startModel(await store.open())];
    await Promise.all(Array.from({ length: 10 }, () => [one.step(FIRST.sku, 5), other.step(FIRST.sku, 1)]).flat());
    for (const tab of [one, other]) {
      await expect.poll(() => quantityOf(tab, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 60);
      expect(tab.state.value.countError).toBeUndefined();
    }
  });

  it('says when a count was not kept, shows the old one, and goes on with the next', async () => {
    const faulty = new FaultyTab(await newStore().open());
    const model = await startModel(faulty.tab, { recorder: faulty.recorder });
    faulty.failure = new StorageFullError('The quota is used up.');
    await model.step(FIRST.sku, 1);
    expect(model.state.value.countError).toBeInstanceOf(StorageFullError);
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity);
    faulty.failure = undefined;
    await model.step(FIRST.sku, 1);
    expect(model.state.value.countError).toBeUndefined();
    expect(quantityOf(model, FIRST.sku)).toBe(FIRST.lastStocktakeQuantity + 1);
  });

  it('counts as pending what is in the list and not sent, before sync has seen it; and nothing while it is not known', async () => {
    const sync = new FakeSync();
    const model = await startModel(await newStore().open(), { sync });
    await model.step(FIRST.sku, 1);
    await model.step(FIRST.sku, 1);
    expect(model.state.value.sync.pending).toBe(2);
    // It knows of more than the list shows.
    sync.says({ pending: 500 });
    expect(model.state.value.sync.pending).toBe(500);
    sync.says({ pending: 0 });
    expect(model.state.value.sync.pending).toBe(2);
    sync.says({ pending: undefined, setAside: undefined });
    expect(model.state.value.sync.pending).toBeUndefined();
  });

  it('pauses and resumes as the switch says', async () => {
    const sync = new FakeSync();
    const model = await startModel(await newStore().open(), { sync });
    model.setWorkOffline(true);
    expect(model.state.value.workOffline).toBe(true);
    model.setWorkOffline(false);
    model.sendNow();
    expect(sync.calls).toEqual(['pause', 'resume', 'syncNow']);
  });
});

describe('two devices', () => {
  interface Device {
    readonly model: StockCountModel;
    readonly sync: Sync;
    readonly tab: SceneTab;
  }

  const HERE = { isOffline: () => false, onWake: () => () => undefined };

  async function startDevice(
    scene: Scene,
    counterName: string,
    of = new SceneStore(crypto.randomUUID()),
  ): Promise<Device> {
    const tab = await scene.openTab(of);
    const application = await startApplication(tab);
    const { sync } = scene.start({
      ...{ store: tab.store, wakeSources: HERE, application: application.decider },
      onRebased: (units) => void application.noteRebased(units as readonly RebasedUnit[]),
    });
    return { model: await startModel(tab, { sync, counterName, application }), sync, tab };
  }

  /** Both have sent what they have, and know what the other one has sent. */
  async function agreed(scene: Scene, ...devices: readonly Device[]): Promise<void> {
    for (let round = 0; round < 2; round++) {
      for (const { sync } of devices) {
        sync.resume();
        sync.syncNow();
        await scene.until(({ state, pending }) => state === 'live' && pending === 0, sync);
      }
    }
    const end = Math.max(...devices.map(({ sync }) => sync.status.value.position));
    for (const { sync } of devices) await scene.until(({ position }) => position === end, sync);
  }

  it('see each other’s counts, and who made them', async () => {
    const scene = await Scene.open();
    const [ana, ben] = [await startDevice(scene, 'Ana'), await startDevice(scene, 'Ben')];
    await ana.model.enter(FIRST.sku, 34);
    await ana.model.step(FIRST.sku, -1);
    await agreed(scene, ana, ben);
    await expect.poll(() => quantityOf(ben.model, FIRST.sku)).toBe(33);
    expect(countOf(ben.model, FIRST.sku)).toMatchObject({ countedBy: { name: 'Ana' }, place: 'books' });
    await expect
      .poll(() => ben.model.state.value.rows)
      .toMatchObject([
        { kind: 'stepped', previousQuantity: 34, quantity: 33, isOwn: false, by: { name: 'Ana' }, place: 'books' },
        { kind: 'counted', quantity: 34, isOwn: false, place: 'books' },
      ]);
    await expect.poll(() => ana.model.state.value.rows.map(({ place }) => place)).toEqual(['books', 'books']);
    expect(ana.model.state.value.rows.every(({ isOwn }) => isOwn)).toBe(true);
  });

  it('count one item without each other: one count stands, the other is set aside until somebody decides, and steps go on from it', async () => {
    const scene = await Scene.open();
    const [ana, ben] = [await startDevice(scene, 'Ana'), await startDevice(scene, 'Ben')];
    for (const { sync } of [ana, ben]) sync.pause();
    await ana.model.enter(FIRST.sku, 38);
    await ana.model.step(SECOND.sku, 2);
    await ben.model.enter(FIRST.sku, 34);
    await ben.model.step(FIRST.sku, 1);
    await ben.model.step(SECOND.sku, 1);
    await agreed(scene, ana, ben);
    await expect
      .poll(() => ben.model.state.value.setAside)
      .toMatchObject([
        {
          item: { sku: FIRST.sku },
          code: 'COUNTED_MEANWHILE',
          entries: [{ kind: 'counted', quantity: 34, by: { name: 'Ben' } }],
        },
      ]);
    expect(ana.model.state.value.setAside).toEqual([]);
    for (const { model } of [ana, ben]) {
      await expect.poll(() => quantityOf(model, FIRST.sku)).toBe(39);
      await expect.poll(() => quantityOf(model, SECOND.sku)).toBe(SECOND.lastStocktakeQuantity + 3);
      await expect
        .poll(() => model.state.value.rows.map(({ kind, by, place }) => `${by?.name} ${kind} ${place}`).sort())
        .toEqual(['Ana counted books', 'Ana stepped books', 'Ben stepped books', 'Ben stepped books']);
    }
    await expect.poll(() => ben.model.state.value.decidedAgain).toHaveLength(2);
    expect(ana.model.state.value.decidedAgain).toEqual([]);

    await ben.model.retry(ben.model.state.value.setAside[0]!);
    expect(ben.model.state.value).toMatchObject({ setAside: [], countError: undefined });
    await agreed(scene, ana, ben);
    for (const { model } of [ana, ben]) await expect.poll(() => quantityOf(model, FIRST.sku)).toBe(34);
    expect((await ben.tab.inside.syncProgress()).setAsideUnits).toBe(0);
  });

  it('may give up what was set aside, or count anew: then it is not asked about any more', async () => {
    const scene = await Scene.open();
    const [ana, ben] = [await startDevice(scene, 'Ana'), await startDevice(scene, 'Ben')];
    for (const { sync } of [ana, ben]) sync.pause();
    for (const [quantity, { model }] of [[30, ana] as const, [34, ben] as const]) {
      await model.enter(FIRST.sku, quantity);
      await model.enter(SECOND.sku, quantity);
    }
    await agreed(scene, ana, ben);
    await expect.poll(() => ben.model.state.value.setAside).toHaveLength(2);
    await ben.model.giveUp(ben.model.state.value.setAside.find(({ item }) => item?.sku === FIRST.sku)!);
    expect(ben.model.state.value.setAside).toMatchObject([{ item: { sku: SECOND.sku } }]);
    await ben.model.enter(SECOND.sku, 33);
    expect(ben.model.state.value.setAside).toEqual([]);
    await agreed(scene, ana, ben);
    expect([quantityOf(ana.model, FIRST.sku), quantityOf(ana.model, SECOND.sku)]).toEqual([30, 33]);
    expect((await ben.tab.inside.syncProgress()).setAsideUnits).toBe(0);
  });

  it('say what was decided again, from what to what and because of whom, in every tab, until somebody has seen it', async () => {
    const scene = await Scene.open();
    const ana = await startDevice(scene, 'Ana');
    const bens = new SceneStore(crypto.randomUUID());
    const ben = await startDevice(scene, 'Ben', bens);
    for (const { sync } of [ana, ben]) sync.pause();
    await ana.model.enter(FIRST.sku, 40);
    await ana.model.enter(SECOND.sku, 0);
    await ben.model.step(FIRST.sku, 1);
    await ben.model.step(SECOND.sku, -1);
    await agreed(scene, ana, ben);
    const other = await startModel(await scene.openTab(bens));
    const expected = [
      {
        outcome: 'changed',
        before: { kind: 'stepped', sku: FIRST.sku, previousQuantity: 36, quantity: 37, by: { name: 'Ben' } },
        others: [{ kind: 'counted', previousQuantity: 36, quantity: 40, by: { name: 'Ana' } }],
        after: { kind: 'stepped', previousQuantity: 40, quantity: 41 },
      },
      {
        outcome: 'withdrawn',
        before: { kind: 'stepped', sku: SECOND.sku, previousQuantity: 52, quantity: 51 },
        others: [{ kind: 'counted', quantity: 0 }],
      },
    ];
    for (const { state } of [ben.model, other]) {
      await expect.poll(() => state.value.decidedAgain).toMatchObject(expected);
    }
    const [, withdrawn] = ben.model.state.value.decidedAgain;
    expect(withdrawn?.after).toBeUndefined();
    await ben.model.dismiss([withdrawn!.unitId]);
    for (const { state } of [ben.model, other]) {
      await expect.poll(() => state.value.decidedAgain).toMatchObject(expected.slice(0, 1));
    }
  });

  it('ask for a recount of what is hard to believe when it is in the books, in every tab and once, until it is counted again', async () => {
    const scene = await Scene.open();
    const anas = new SceneStore(crypto.randomUUID());
    const ana = await startDevice(scene, 'Ana', anas);
    const other = await startModel(await scene.openTab(anas));
    ana.sync.pause();
    await ana.model.enter(FIRST.sku, 360);
    await ana.model.enter(SECOND.sku, 51);
    expect(countOf(ana.model, FIRST.sku)).toMatchObject({ recount: undefined, recountWaits: true });
    expect(countOf(ana.model, SECOND.sku).recountWaits).toBe(false);
    expect(await ana.tab.inside.selectEvents(recountOriginatorId(FIRST.id))).toEqual([]);
    await agreed(scene, ana);
    for (const model of [ana.model, other]) {
      await expect
        .poll(() => countOf(model, FIRST.sku))
        .toMatchObject({ recount: { expectedQuantity: 36, countedQuantity: 360 }, recountWaits: false });
    }

    ana.sync.pause();
    await other.enter(FIRST.sku, 36);
    for (const model of [ana.model, other]) {
      await expect
        .poll(() => countOf(model, FIRST.sku))
        .toMatchObject({ quantity: 36, recount: { countedQuantity: 360 }, recountWaits: true });
    }
    await agreed(scene, ana);
    for (const model of [ana.model, other]) {
      await expect.poll(() => countOf(model, FIRST.sku)).toMatchObject({ recount: undefined, recountWaits: false });
      await expect
        .poll(() => model.state.value.rows.map(({ kind }) => kind))
        .toEqual(['recount-done', 'counted', 'recount-asked', 'counted', 'counted']);
    }
    expect(await ana.tab.inside.selectEvents(recountOriginatorId(FIRST.id))).toHaveLength(2);
  });
});
