/** What a server has lost is recognised when it comes back, and is not let go of before the log was followed to its end. */
import { afterEach, expect, test } from 'vitest';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';
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
