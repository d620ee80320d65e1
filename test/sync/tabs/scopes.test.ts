/** A device whose scopes change: what it may not see leaves, what is pending of it is kept, and both come back. */
import { afterEach, expect, test } from 'vitest';
import type { Visibility } from '../../../src/server/log/unit-log.js';
import { LIMITS_DEFAULT } from '../../../src/sync/protocol/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';
import type { SceneTab } from '../../support/sync-scene.js';

afterEach(closeScenes);

const PAGE_EVENTS = LIMITS_DEFAULT.events;
const ALL = { eventsMax: 1_000_000, bytesMax: 1e9 };

function only(...seen: readonly string[]): Visibility {
  return {
    id: `only-${seen.map((id) => id.slice(0, 8)).join('-')}`,
    isVisible: ({ events }, index) => seen.includes(events[index]?.originatorId ?? ''),
  };
}

async function versions({ inside }: SceneTab, originatorId: string): Promise<number[]> {
  return (await inside.selectEvents(originatorId)).map(({ originatorVersion }) => originatorVersion);
}

async function reasons({ inside }: SceneTab): Promise<string[]> {
  return (await inside.selectSetAside(0, ALL)).map(({ reason }) => reason.code);
}

/** Records units of more events than a page has, of one aggregate. */
async function recordMany({ inside }: SceneTab, originatorId: string, units: number): Promise<void> {
  const state = new Uint8Array(1);
  for (let unit = 0; unit < units; unit++) {
    await inside.insertEvents(
      Array.from({ length: PAGE_EVENTS }, (_, index) => {
        return { originatorId, originatorVersion: unit * PAGE_EVENTS + index + 1, topic: 'Counted', state };
      }),
    );
  }
}

/** Asks the server at once, and waits until there is nothing left to do. */
async function synced(scene: Scene): Promise<void> {
  const before = scene.requests.length;
  scene.wake();
  await scene.until(({ state, pending }) => scene.requests.length > before && state === 'live' && pending === 0);
}

/** A device that has recorded of two aggregates what others have gone on with, and has all of it. */
async function recorded(): Promise<{ scene: Scene; north: string; south: string }> {
  const scene = await Scene.open();
  const [north, south] = [newOriginatorId(), newOriginatorId()];
  for (const id of [north, south]) await scene.tab.record(id);
  await scene.start().settled();
  const other = await Scene.open();
  const second = other.start({ fetch: scene.fetch }).sync;
  await other.until(({ position, state }) => position === 2 && state === 'live');
  for (const id of [north, south]) await other.tab.record(id, 2);
  await other.settled();
  await second.close();
  await synced(scene);
  expect([await versions(scene.tab, north), await versions(scene.tab, south)]).toEqual([[1, 2], [1, 2]]); // prettier-ignore
  scene.requests.length = 0;
  return { scene, north, south };
}

test('what was revoked while it was offline leaves within one sync; what is pending of it is kept and reported', async () => {
  const { scene, north, south } = await recorded();
  scene.offline = true;
  scene.visibility = only(north);
  await scene.tab.record(north, 3);
  await scene.tab.record(south, 3);
  await scene.tab.record(south, 4);
  scene.offline = false;
  await synced(scene);
  expect(await versions(scene.tab, south)).toEqual([]);
  expect(await versions(scene.tab, north)).toEqual([1, 2, 3]);
  expect(await reasons(scene.tab)).toEqual(['OUT_OF_SCOPE', expect.stringMatching(/OUT_OF_SCOPE|DEPENDENCY/)]);
  expect(scene.sync.status.value).toMatchObject({ state: 'live', pending: 0, setAside: 2, lastError: undefined });
  // What it has sent itself is on the server, and not lost.
  expect(scene.paths.filter((path) => path === 'heal' || path === 'common')).toEqual([]);

  scene.visibility = true;
  await synced(scene);
  expect(await reasons(scene.tab)).toEqual([]);
  expect(await versions(scene.tab, south)).toEqual([1, 2, 3, 4]);
  await scene.expectBooksComplete();
  expect((await scene.books()).length).toBe(7);
});

test('a receipt of what left, or was given up, comes to an end', async () => {
  const { scene, north, south } = await recorded();
  const ownSouth = 2;
  scene.visibility = only(north);
  scene.offline = true;
  await scene.tab.record(south, 3);
  const pending = await scene.tab.inside.maxNotificationId();
  scene.offline = false;
  await synced(scene);
  const standing = { state: 'left', position: 2, firstNotificationId: ownSouth };
  expect(await scene.sync.receipt(ownSouth).confirmed()).toMatchObject(standing);
  expect(await scene.sync.receipt(ownSouth).pushed()).toMatchObject(standing);
  const receipt = scene.sync.receipt(pending);
  await expect(receipt.confirmed()).rejects.toMatchObject({ details: { reason: 'OUT_OF_SCOPE' } });
  const [aside] = await scene.tab.inside.selectSetAside(0, ALL);
  const id = aside!.id;
  expect(await scene.tab.inside.discardSetAside([id])).toEqual([id]);
  await expect(receipt.confirmed()).rejects.toMatchObject({ details: { unitId: id, reason: 'DISCARDED' } });
});

test('a log that is set back while it is followed anew gets back what only this device has', async () => {
  const scene = await Scene.open();
  const [north, south] = [newOriginatorId(), newOriginatorId()];
  await scene.tab.record(south);
  scene.start();
  await recordMany(scene.tab, north, 2);
  await synced(scene);
  const restore = scene.log.backup();
  await scene.tab.record(north, 2 * PAGE_EVENTS + 1);
  await synced(scene);
  scene.requests.length = 0;
  scene.visibility = only(north);
  scene.script.push(
    (_request, forward) => forward(),
    async (_request, forward) => {
      const page = await forward();
      restore();
      return page;
    },
  );
  await synced(scene);
  expect(scene.paths).toContain('heal');
  expect((await versions(scene.tab, north)).length).toBe(2 * PAGE_EVENTS + 1);
  expect(await versions(scene.tab, south)).toEqual([]);
  expect((await scene.books()).length).toBe(4);
  expect(await reasons(scene.tab)).toEqual([]);
});

test('another tab goes on where the one stopped that had begun to follow the log anew', async () => {
  const scene = await Scene.open();
  const [north, south] = [newOriginatorId(), newOriginatorId()];
  scene.start();
  await recordMany(scene.tab, north, 2);
  await scene.tab.record(south);
  await synced(scene);
  const second = await scene.openTab();
  scene.visibility = only(north);
  scene.requests.length = 0;
  scene.script.push(
    (_request, forward) => forward(),
    (_request, forward) => forward(),
    // The tab is closed before the next page comes.
    async () => {
      await scene.sync.close();
      throw new TypeError('fetch failed');
    },
  );
  scene.wake();
  await expect.poll(() => scene.requests.length).toBe(3);
  const { held } = await second.inside.syncProgress();
  expect(held.length).toBe(1);
  expect(await versions(second, south)).toEqual([1]);
  scene.requests.length = 0;
  scene.start({ store: second.store });
  await scene.settled();
  const [first] = (await Promise.all(scene.requests.map((request) => request.json()))) as { after: string; held: string[] }[]; // prettier-ignore
  expect(first).toMatchObject({ after: expect.stringContaining(`1.${PAGE_EVENTS}.`) as unknown, held });
  expect(await versions(second, south)).toEqual([]);
  expect((await versions(second, north)).length).toBe(2 * PAGE_EVENTS);
});

test('a server that gives what is visible another id each time is not asked without end', async () => {
  const scene = await Scene.open();
  const north = newOriginatorId();
  scene.start();
  await recordMany(scene.tab, north, 2);
  await synced(scene);
  scene.requests.length = 0;
  let asked = 0;
  Object.defineProperty(scene, 'visibility', { get: () => ({ ...only(north), id: `asked-${++asked}` }) });
  scene.wake();
  const { lastError } = await scene.until(({ state }) => state === 'stuck');
  expect(lastError).toMatchObject({ code: 'STUCK', cause: { code: 'SCOPES_CHANGED' } });
  expect(scene.requests.length).toBeLessThan(50);
});
