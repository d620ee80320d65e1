/** What a server has lost is recognised when it comes back, and is not let go of before the log was followed to its end. */
import { afterEach, expect, test } from 'vitest';
import type { ConfirmedUnit } from '../../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { closeScenes, passing, Scene, SceneStore } from '../../support/sync-scene.js';
import type { SceneTab } from '../../support/sync-scene.js';
import { LIMITS_DEFAULT } from '../../../src/sync/protocol/index.js';

afterEach(closeScenes);

const ALL = { eventsMax: 1_000_000, bytesMax: 1e9 };

/**
 * A device that holds what others have recorded, units of them, and has something pending that stands on the last of them. The
 * server is set back to before all of that, and once more after each of the first offers.
 */
async function setBack({ units, events, again }: Readonly<Record<'units' | 'events' | 'again', number>>) {
  const scene = await Scene.open();
  let restore = scene.log.backup();
  let left = again;
  scene.start({
    fetch: async (input, init) => {
      const answer = await scene.fetch(input, init);
      if (scene.paths.at(-1) === 'heal' && left > 0) {
        left--;
        restore();
        restore = scene.log.backup();
      }
      return answer;
    },
  });
  const other = await Scene.open();
  const others = other.start({ fetch: scene.fetch }).sync;
  const state = new Uint8Array(1);
  const ids = Array.from({ length: units }, () => newOriginatorId());
  // Each stands on nothing but its own aggregate, so that it comes back without the others.
  for (const originatorId of ids) {
    await other.tab.inside.insertEvents(
      Array.from({ length: events }, (_, index) => {
        return { originatorId, originatorVersion: index + 1, topic: 'Counted', state };
      }),
    );
  }
  await other.settled();
  await others.close();
  scene.wake();
  await scene.until(({ state: is, position }) => is === 'live' && position === units * events);
  scene.offline = true;
  await scene.tab.record(ids.at(-1)!, events + 1);
  restore();
  restore = scene.log.backup();
  scene.requests.length = 0;
  const before = await scene.tab.inside.selectNotifications({ start: 1, limit: 1_000_000 });
  scene.offline = false;
  scene.wake();
  await scene.until(({ state: is, position }) => is === 'live' && position === units * events + 1);
  expect(left).toBe(0);
  return { scene, before };
}

test('what stands on what others have recorded does not give way when the server gets that back', async () => {
  const { scene, before } = await setBack({ units: 2, events: 1, again: 0 });
  expect(scene.paths).toContain('heal');
  expect(await scene.tab.inside.selectNotifications({ start: 1, limit: 1_000_000 })).toEqual(before);
  expect(await scene.tab.inside.selectSetAside(0, ALL)).toEqual([]);
  await scene.expectBooksComplete();
});

test('a server that is set back once more after an offer gets all of it again', async () => {
  const { scene, before } = await setBack({ units: 2, events: 1, again: 2 });
  expect(scene.paths.filter((path) => path === 'heal').length).toBe(3);
  expect(await scene.tab.inside.selectNotifications({ start: 1, limit: 1_000_000 })).toEqual(before);
  expect((await scene.books()).length).toBe(3);
});

test('and so does one that is set back between the parts of what is offered', async () => {
  // Each part is as much as fits into a request.
  const { scene, before } = await setBack({ units: 12, events: LIMITS_DEFAULT.events, again: 1 });
  expect(await scene.tab.inside.selectNotifications({ start: 1, limit: 1_000_000 })).toEqual(before);
  expect((await scene.books()).length).toBe(13);
  expect(await scene.tab.inside.selectSetAside(0, ALL)).toEqual([]);
});

/** A device that may see some aggregates, and synchronises when it is told to. */
class Viewer {
  readonly #scene: Scene;
  readonly #tab: SceneTab;
  readonly #sees: readonly string[];

  constructor(scene: Scene, tab: SceneTab, sees: readonly string[]) {
    this.#scene = scene;
    this.#tab = tab;
    this.#sees = sees;
  }

  async synchronise(): Promise<void> {
    const scene = this.#scene;
    scene.visibility = {
      id: this.#sees.join('_'),
      isVisible: ({ events }, index) => this.#sees.includes(events[index]?.originatorId ?? ''),
    };
    const { sync } = scene.start({ store: this.#tab.store });
    await passing(scene, 100, async () => {
      const { pendingUnits, lostUnits, position } = await this.#tab.inside.syncProgress();
      return (
        sync.status.value.state === 'live' && pendingUnits + lostUnits === 0 && position === (await scene.log.head())
      );
    });
    await sync.close();
  }

  async versions(): Promise<readonly (readonly number[])[]> {
    const recorder = this.#tab.inside;
    const events = await Promise.all(this.#sees.map((id) => recorder.selectEvents(id)));
    expect(await recorder.selectSetAside(0, ALL)).toEqual([]);
    return events.map((some) => some.map(({ originatorVersion }) => originatorVersion));
  }
}

const ORDERS = [0, 1, 2].flatMap((first) =>
  [0, 1, 2].flatMap((second) => (second === first ? [] : [[first, second, 3 - first - second]])),
);

test.for(ORDERS)(
  'what was lost comes back from devices that saw a part of it each, in the order %i, %i, %i',
  async (order) => {
    const scene = await Scene.open();
    const [north, south, west] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const restore = scene.log.backup();
    const first = sampleUnit([sampleEvent(north, 1), sampleEvent(south, 1), sampleEvent(north, 2)]);
    const second = sampleUnit([sampleEvent(south, 2), sampleEvent(west, 1)], { after: [first.id, undefined] });
    const third = sampleUnit([sampleEvent(west, 2)], { after: [second.id] });
    await scene.log.push([first, second, third], { subject: 'who has left', replicaId: newOriginatorId() });
    const before = await scene.books();
    const devices: Viewer[] = [];
    for (const sees of [[north], [south], [west, north]]) {
      const device = new Viewer(scene, await scene.openTab(new SceneStore(newOriginatorId())), sees);
      await device.synchronise();
      devices.push(device);
    }
    restore();
    for (const device of order) await devices[device]!.synchronise();
    const content = (units: readonly ConfirmedUnit[]): object[] =>
      units.map(({ id, events, total, origin: { author } }) => ({ id, events, total, author }));
    expect(content(await scene.books())).toEqual(content(before));
    expect(await scene.log.refused({ limit: 10 })).toEqual([]);
    for (const device of devices) await device.synchronise();
    expect(await Promise.all(devices.map((device) => device.versions()))).toEqual([
      [[1, 2]],
      [[1, 2]],
      [
        [1, 2],
        [1, 2],
      ],
    ]);
  },
);
