/** History that leaves a device which synchronises, and what its server is asked and has to do with it. */
import { afterEach, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { serverHistory } from '../../../src/sync/index.js';
import type { Sync } from '../../../src/sync/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, passing, Scene, SceneStore } from '../../support/sync-scene.js';
import type { SceneTab } from '../../support/sync-scene.js';

afterEach(closeScenes);

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

/** A device: one tab of a store of its own. */
class Device {
  readonly app: Application;
  readonly tab: SceneTab;
  readonly #scene: Scene;

  constructor(scene: Scene, tab: SceneTab, options: Partial<ApplicationOptions> = {}) {
    this.#scene = scene;
    this.tab = tab;
    this.app = new Application({ recorder: tab.inside, aggregates: [shelf], keepCommands: true, ...options });
  }

  static async open(scene: Scene, options: Partial<ApplicationOptions> = {}): Promise<Device> {
    return new Device(scene, await scene.openTab(new SceneStore(newOriginatorId())), options);
  }

  async receive(id: string, times: number): Promise<void> {
    for (let turn = 0; turn < times; turn++) {
      await this.app.execute(shelf, id, { type: 'Receive', data: { quantity: 1 } });
    }
  }

  /** Until the device has all that the server has, and the other way round. */
  async synchronise(): Promise<void> {
    const scene = this.#scene;
    const sync: Sync = scene.start({ store: this.tab.store, application: this.app }).sync;
    await passing(scene, 100, async () => {
      const { state } = sync.status.value;
      const { pendingUnits, lostUnits, held, position } = await this.tab.inside.syncProgress();
      const isThrough = pendingUnits + lostUnits + held.length === 0;
      return state === 'live' && isThrough && position === (await scene.log.head());
    });
    await sync.close();
  }

  async truncate(): Promise<readonly string[]> {
    const { digests } = historyOf(this.#scene, this.tab);
    return (await this.app.truncateHistory({ digests, keepMs: 0 })).aggregates;
  }

  async received(id: string): Promise<number> {
    return (await this.app.repository.load(shelf, id)).state.received;
  }
}

function historyOf(scene: Scene, tab: SceneTab, token = 'secret') {
  const { replicaId } = tab.store;
  return serverHistory({ url: 'http://books.test', replicaId, getToken: () => token, fetch: scene.fetch });
}

test('what the server has as well leaves the device, and comes from there for whoever wants to read it', async () => {
  const scene = await Scene.open();
  const anna = await Device.open(scene);
  const id = newOriginatorId();
  await anna.receive(id, 260);
  expect(await anna.truncate()).toEqual([]);
  await anna.synchronise();
  await anna.receive(id, 2);
  expect(await anna.truncate()).toEqual([id]);
  expect((await anna.tab.inside.query('SELECT count(*) AS count FROM stored_events')).rows).toEqual([{ count: 3 }]);
  expect(await anna.received(id)).toBe(262);
  await expect(anna.app.repository.history(shelf, id)).rejects.toMatchObject({ code: 'HISTORY_TRUNCATED' });
  const { olderEvents } = historyOf(scene, anna.tab);
  const asking = new Device(scene, anna.tab, { olderEvents });
  expect(await asking.app.repository.history(shelf, id)).toHaveLength(262);
  const refused = new Device(scene, anna.tab, { olderEvents: historyOf(scene, anna.tab, 'stranger').olderEvents });
  await expect(refused.app.repository.history(shelf, id)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  await anna.synchronise();
  const bert = await Device.open(scene);
  await bert.synchronise();
  expect(await bert.received(id)).toBe(262);
});

test('who may not see an aggregate is told nothing of it', async () => {
  const scene = await Scene.open();
  const anna = await Device.open(scene);
  const id = newOriginatorId();
  await anna.receive(id, 5);
  await anna.synchronise();
  scene.visibility = { id: 'nothing-of-it', isVisible: ({ events }, index) => events[index]?.originatorId !== id };
  expect(await anna.truncate()).toEqual([]);
  const { digests, olderEvents } = historyOf(scene, anna.tab);
  const question = { originatorId: id, after: 0, digest: '00000000-0000-0000-0000-000000000000', upTo: 3 };
  expect(await digests([question])).toEqual([undefined]);
  expect(await olderEvents(id, 3)).toEqual([]);
  scene.visibility = true;
  expect(await digests([question, { ...question, upTo: 6 }])).toEqual([expect.any(String), undefined]);
});

test('a server that was set back and not noticed yet does not say the same: the device keeps what only it has', async () => {
  const scene = await Scene.open();
  const anna = await Device.open(scene);
  const id = newOriginatorId();
  await anna.receive(id, 3);
  await anna.synchronise();
  const restore = scene.log.backup();
  await anna.receive(id, 3);
  await anna.synchronise();
  restore();
  expect(await anna.truncate()).toEqual([]);
  await anna.synchronise();
  expect((await scene.books()).length).toBe(6);
  expect(await anna.truncate()).toEqual([id]);
});

test('a server is set back to before what stands for history: it comes from another device, and once more to this one', async () => {
  const scene = await Scene.open();
  const [anna, bert] = [await Device.open(scene), await Device.open(scene)];
  const [id, other] = [newOriginatorId(), newOriginatorId()];
  await anna.receive(other, 2);
  await anna.receive(id, 3);
  await anna.synchronise();
  const restore = scene.log.backup();
  await anna.receive(id, 4);
  for (const device of [anna, bert]) await device.synchronise();
  expect([...(await anna.truncate())].sort()).toEqual([id, other].sort());
  await anna.receive(id, 1);
  restore();
  // She notices first, and can offer the last event alone, which does not fit yet; it waits, and what she has recorded since.
  await anna.synchronise();
  expect(await anna.received(id)).toBe(3);
  expect(await anna.tab.inside.selectBase(id)).toBeUndefined();
  expect(await anna.tab.inside.selectBase(other)).toMatchObject({ version: 1 });
  const aside = async (): Promise<readonly string[]> =>
    (await anna.tab.inside.selectSetAside(0, { eventsMax: 100, bytesMax: 100_000 })).map(({ reason }) => reason.code);
  expect(await aside()).toEqual(['LOST', 'LOST']);
  for (const device of [bert, anna]) await device.synchronise();
  expect([await anna.received(id), await bert.received(id)]).toEqual([7, 7]);
  expect([await anna.received(other), await bert.received(other)]).toEqual([2, 2]);
  expect(await anna.app.repository.history(shelf, id)).toHaveLength(7);
  expect(await aside()).toEqual(['LOST']);
});

test('what gives way while the log is followed anew is decided on what stands for history, too', async () => {
  const scene = await Scene.open();
  const [anna, bert] = [await Device.open(scene), await Device.open(scene)];
  const id = newOriginatorId();
  await anna.receive(id, 5);
  for (const device of [anna, bert]) await device.synchronise();
  expect(await anna.truncate()).toEqual([id]);
  await bert.receive(id, 1);
  await bert.synchronise();
  await anna.receive(id, 1);
  // Another scope, by which the same may be seen: its one page comes from the start, with what others were first with.
  scene.visibility = { id: 'another', isVisible: () => true };
  for (const device of [anna, bert]) await device.synchronise();
  expect(await anna.tab.inside.selectSetAside(0, { eventsMax: 100, bytesMax: 100_000 })).toEqual([]);
  expect([await anna.received(id), await bert.received(id)]).toEqual([7, 7]);
});
