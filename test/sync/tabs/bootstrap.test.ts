/** New devices that begin with snapshots of the server's. */
import { afterEach, expect, test, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { topicsOfTypes } from '../../../src/application/events/event-origin.js';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import type { InlineProjectionOptions } from '../../../src/application/projections/inline-projection.js';
import type { SqlProjection } from '../../../src/application/projections/projection.js';
import { SqlStateStore } from '../../../src/states/sql-state-store.js';
import { stateOf } from '../../../src/states/state.js';
import { serverHistory } from '../../../src/sync/index.js';
import type { StartSyncOptions } from '../../../src/sync/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';
import { closeScenes, fails, passing, Scene, SceneStore } from '../../support/sync-scene.js';
import type { Answer, SceneTab } from '../../support/sync-scene.js';

afterEach(async () => {
  vi.restoreAllMocks();
  await closeScenes();
});

interface Quantity {
  readonly quantity: number;
}

const shelf = defineDecider({
  name: 'Shelf',
  events: { Received: event<Quantity>() },
  commands: { Receive: command<Quantity>() },
  initialState: () => ({ quantity: 0, received: 0 }),
  decide: { Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve: {
    Received: ({ quantity, received }, { data }) => ({ quantity: quantity + data.quantity, received: received + 1 }),
  },
});

class Device {
  readonly app: Application;
  readonly tab: SceneTab;
  readonly #scene: Scene;

  constructor(scene: Scene, tab: SceneTab, options: Partial<ApplicationOptions> = {}) {
    this.#scene = scene;
    this.tab = tab;
    const snapshots = { store: scene.snapshots, interval: 1_000_000 };
    this.app = new Application({
      recorder: tab.inside,
      aggregates: [shelf],
      keepCommands: true,
      snapshots,
      ...options,
    });
  }

  static async open(scene: Scene, options: Partial<ApplicationOptions> = {}): Promise<Device> {
    return new Device(scene, await scene.openTab(new SceneStore(newOriginatorId())), options);
  }

  async receive(id: string, times: number): Promise<void> {
    for (let turn = 0; turn < times; turn++)
      await this.app.execute(shelf, id, { type: 'Receive', data: { quantity: 1 } });
  }

  /** Until the device has all that the server has, and the other way round. */
  async synchronise(options: Partial<StartSyncOptions> = {}): Promise<void> {
    const scene = this.#scene;
    const { sync } = scene.start({ store: this.tab.store, application: this.app, ...options });
    await passing(scene, 100, async () => {
      const { state } = sync.status.value;
      const { pendingUnits, lostUnits, held, position } = await this.tab.inside.syncProgress();
      const isThrough = pendingUnits + lostUnits + held.length === 0;
      return state === 'live' && isThrough && position === (await scene.log.head());
    });
    await sync.close();
  }

  /** Of the server's log as it is now. */
  async snapshot(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.app.takeSnapshot(shelf, id);
  }

  async received(id: string): Promise<number> {
    return (await this.app.repository.load(shelf, id)).state.received;
  }

  async events(): Promise<number> {
    const { rows } = await this.tab.inside.query('SELECT count(*) AS count FROM stored_events');
    return Number(rows[0]?.['count']);
  }
}

/** As the devices that begin with them have them. */
function withoutSnapshots(scene: Scene, tab: SceneTab): Partial<ApplicationOptions> {
  const { replicaId } = tab.store;
  const asked = { url: 'http://books.test', replicaId, getToken: () => 'secret', fetch: scene.fetch };
  return { olderEvents: serverHistory(asked).olderEvents };
}

/** A scene whose server has so many aggregates of so many events, each with a snapshot, and two events after it. */
async function filled(aggregates: number, events: number): Promise<{ scene: Scene; anna: Device; ids: string[] }> {
  const scene = await Scene.open();
  const anna = await Device.open(scene);
  const ids = Array.from({ length: aggregates }, () => newOriginatorId());
  for (const id of ids) await anna.receive(id, events);
  await anna.synchronise();
  await anna.snapshot(...ids);
  for (const id of ids) await anna.receive(id, 2);
  await anna.synchronise();
  return { scene, anna, ids };
}

test('a new device has what the server has snapshots of, without the events before them', async () => {
  const { scene, anna, ids } = await filled(5, 40);
  const fresh = newOriginatorId();
  await anna.receive(fresh, 3);
  await anna.synchronise();
  const tab = await scene.openTab(new SceneStore(newOriginatorId()));
  const bert = new Device(scene, tab, { snapshots: undefined as never, ...withoutSnapshots(scene, tab) });
  await bert.synchronise({ bootstrap: true });
  expect(await bert.events()).toBe(5 * 3 + 3);
  for (const id of ids) expect(await bert.received(id)).toBe(42);
  expect(await bert.received(fresh)).toBe(3);
  expect(await bert.app.repository.history(shelf, ids[0]!)).toHaveLength(42);
  await bert.receive(ids[0]!, 2);
  await anna.receive(ids[1]!, 1);
  for (const device of [bert, anna, bert]) await device.synchronise({ bootstrap: true });
  expect([await anna.received(ids[0]!), await bert.received(ids[1]!)]).toEqual([44, 43]);
  await expect(tab.inside.selectNotifications({ start: 1, limit: 10 })).rejects.toMatchObject({
    code: 'HISTORY_TRUNCATED',
  });
});

const received: SqlProjection<'received'> = {
  name: 'received',
  topics: topicsOfTypes('received', ['Received'], [shelf]),
  tables: { received: (table) => `CREATE TABLE ${table} (quantity INTEGER NOT NULL)` },
  handle: async ({ data }, { query, tables }) => {
    await query(`INSERT INTO ${tables.received} VALUES ($1)`, [(data as Quantity).quantity]);
  },
};

test('a device with views in line does not begin with snapshots, which would leave them empty; it takes the whole log', async () => {
  const { scene } = await filled(2, 10);
  const tab = await scene.openTab(new SceneStore(newOriginatorId()));
  const recorder = tab.inside;
  const decode: InlineProjectionOptions<'received'>['decode'] = (stored) => bert.app.decode(stored);
  const view = new InlineProjection({ projection: received, recorder, decode });
  await view.setUp();
  const bert: Device = new Device(scene, tab, { snapshots: undefined as never, inline: [view] });
  const asked = { store: tab.store, application: bert.app, bootstrap: true };
  expect(() => scene.start(asked)).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR', details: { option: 'bootstrap' } }) as Error,
  );
  await bert.synchronise();
  const { rows } = await recorder.query('SELECT count(*) AS events, sum(quantity) AS sum FROM received');
  expect(rows).toEqual([{ events: 24, sum: 24 }]);

  const states = new SqlStateStore({ recorder, states: [stateOf(shelf, { name: 'shelves' })] });
  expect(states.inline(decode).needsHistory).toBe(true);
});

/** Lets so many requests of a kind through, and then none. */
function after(scene: Scene, requests: number): void {
  const through: Answer = (_request, forward) => forward();
  scene.script.push(...Array.from({ length: requests }, () => through), ...Array.from({ length: 40 }, () => fails));
}

/** A device that has a part, and the rest is on its way. */
async function interrupted(
  scene: Scene,
  parts: number,
  store: SceneStore = new SceneStore(newOriginatorId()),
): Promise<Device> {
  const device = new Device(scene, await scene.openTab(store), { snapshots: undefined as never });
  after(scene, parts);
  const { sync } = scene.start({ store: device.tab.store, application: device.app, bootstrap: true });
  await scene.until(({ state }) => state === 'waiting', sync);
  await sync.close();
  scene.script.length = 0;
  expect((await device.tab.inside.syncProgress()).bootstrap?.isBegun).toBe(true);
  return device;
}

// More aggregates than a part has.
const MANY = 210;

test('what was broken off goes on where it was, also without asking for it; and what was recorded meanwhile is decided on what comes', async () => {
  const { scene, anna, ids } = await filled(MANY, 2);
  const bert = await interrupted(scene, 1);
  const { position } = await bert.tab.inside.syncProgress();
  expect(position).toBeGreaterThan(MANY);
  expect(position).toBeLessThan(await scene.log.head());
  const missing = [];
  for (const id of ids) if ((await bert.tab.inside.selectBase(id)) === undefined) missing.push(id);
  expect(missing.length).toBeGreaterThan(3);
  await bert.receive(missing[0]!, 3);
  await anna.receive(missing[1]!, 1);
  await anna.synchronise();
  await bert.synchronise();
  for (const id of ids) {
    const more = id === missing[0] ? 3 : id === missing[1] ? 1 : 0;
    expect(await bert.received(id)).toBe(4 + more);
  }
  await anna.synchronise();
  expect(await anna.received(missing[0]!)).toBe(7);
  expect((await bert.tab.inside.selectSetAside(0, { eventsMax: 10, bytesMax: 1e6 })).length).toBe(0);
});

test('an application that has views in line by then, also after the browser was killed, begins with the log, and misses nothing', async () => {
  const { scene, anna, ids } = await filled(MANY, 2);
  const store = new SceneStore(newOriginatorId());
  const before = await interrupted(scene, 1, store);
  await before.receive(ids[0]!, 1);
  // The next release of it, in a browser that was killed: nothing of it but its storage.
  const tab = await scene.openTab(store.copied());
  const view = new InlineProjection({
    ...{ projection: received, recorder: tab.inside },
    decode: (stored) => bert.app.decode(stored),
  });
  await view.setUp();
  const bert: Device = new Device(scene, tab, { snapshots: undefined as never, inline: [view] });
  // Until what stands for history has left, the view cannot be made, and says so.
  const errors = uncaughtErrors();
  await bert.synchronise();
  expect(new Set(errors.map((error) => (error as { code?: string }).code))).toEqual(new Set(['HISTORY_TRUNCATED']));
  for (const id of ids) {
    expect(await tab.inside.selectBase(id)).toBeUndefined();
    expect(await bert.received(id)).toBe(id === ids[0] ? 5 : 4);
  }
  const counted = async (): Promise<unknown> =>
    (await tab.inside.query('SELECT count(*) AS events, sum(quantity) AS sum FROM received')).rows;
  expect(await counted()).toEqual([{ events: MANY * 4 + 1, sum: MANY * 4 + 1 }]);
  expect(await tab.inside.selectSetAside(0, { eventsMax: 10, bytesMax: 1e6 })).toEqual([]);
  await anna.synchronise();
  expect(await anna.received(ids[0]!)).toBe(5);
  await bert.receive(ids[1]!, 1);
  expect(await counted()).toEqual([{ events: MANY * 4 + 2, sum: MANY * 4 + 2 }]);
});

test('who may see something else by then has that, and nothing more', async () => {
  const { scene, ids } = await filled(MANY, 2);
  const bert = await interrupted(scene, 1);
  const seen = new Set(ids.filter((_id, index) => index % 2 === 0));
  scene.visibility = { id: 'half', isVisible: ({ events }, index) => seen.has(events[index]!.originatorId) };
  await bert.synchronise({ bootstrap: true });
  for (const id of ids) expect(await bert.received(id).catch(() => 0)).toBe(seen.has(id) ? 4 : 0);
  scene.visibility = true;
  await bert.synchronise({ bootstrap: true });
  for (const id of ids) expect(await bert.received(id)).toBe(4);
});

test('a server that is set back in the midst gets back what came, and gives the rest', async () => {
  const { scene, anna, ids } = await filled(MANY, 2);
  const restore = scene.log.backup();
  for (const id of ids.slice(0, 20)) await anna.receive(id, 1);
  await anna.synchronise();
  const bert = await interrupted(scene, 1);
  restore();
  await bert.synchronise({ bootstrap: true });
  await anna.synchronise();
  await bert.synchronise({ bootstrap: true });
  for (const [index, id] of ids.entries()) {
    expect([await anna.received(id), await bert.received(id)]).toEqual(index < 20 ? [5, 5] : [4, 4]);
  }
});

test('a device that has much of its own, or anything confirmed, follows the log', async () => {
  const { scene, ids } = await filled(3, 5);
  const bert = await Device.open(scene, { snapshots: undefined as never });
  for (let count = 0; count < 60; count++) await bert.receive(newOriginatorId(), 1);
  await bert.synchronise({ bootstrap: true });
  for (const id of ids) expect(await bert.tab.inside.selectBase(id)).toBeUndefined();
  expect(await bert.events()).toBe(3 * 7 + 60);
});

test('options that make no sense are refused', async () => {
  const scene = await Scene.open();
  expect(() => scene.start({ bootstrap: true, direction: 'push' })).toThrow(/no use with push/);
  expect(() => scene.start({ bootstrap: 'yes' as never })).toThrow(/neither true nor false/);
});
