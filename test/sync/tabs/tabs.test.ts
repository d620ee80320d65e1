import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { StartSyncOptions, Sync } from '../../../src/sync/tabs/start-sync-options.js';
import type { SyncState, SyncStatus } from '../../../src/sync/sync-status.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { closeScenes, passing, Scene, WAIT } from '../../support/sync-scene.js';
import type { SceneTab } from '../../support/sync-scene.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';

afterEach(closeScenes);

// What an application may rely on.
const TAKEOVER_MS_MAX = 2_000;
const TICK_MS = 20;

/** A tab with its sync. */
interface Synced extends SceneTab {
  readonly sync: Sync;
}

async function startTab(scene: Scene, options: Partial<StartSyncOptions> = {}): Promise<Synced> {
  const tab = scene.of.tabs.length === 1 && scene.syncs.length === 0 ? scene.tab : await scene.openTab();
  return Object.assign(tab, { sync: scene.start({ store: tab.store, ...options }).sync });
}

async function untilBoth(tabs: readonly Synced[], state: SyncState, pending: number): Promise<void> {
  for (const { sync } of tabs) {
    await vi.waitUntil(() => sync.status.value.state === state && sync.status.value.pending === pending, WAIT);
  }
}

/** Lets as much time pass as a takeover may take, and no more: then waits for what it leads to. */
async function withinTakeover(scene: Scene, isOver: () => boolean | Promise<boolean>): Promise<void> {
  for (let passedMs = 0; passedMs < TAKEOVER_MS_MAX; passedMs += TICK_MS) {
    await new Promise((resolve) => setImmediate(resolve));
    scene.clock.advance(TICK_MS);
  }
  await vi.waitUntil(isOver, WAIT);
}

const inBooks =
  (scene: Scene, units: number): (() => Promise<boolean>) =>
  async () =>
    (await scene.books()).length === units;

describe('several tabs', () => {
  test('one of them synchronises, all show how it stands, and the next one takes over when it is closed', async () => {
    const scene = await Scene.open();
    const [first, second] = [await startTab(scene), await startTab(scene)];
    await untilBoth([first, second], 'live', 0);
    const before = scene.requests.length;
    await second.count(3);
    await vi.waitUntil(() => second.sync.status.value.position === 3, WAIT);
    await untilBoth([first, second], 'live', 0);
    expect(second.sync.status.value).toEqual(first.sync.status.value);
    expect((await scene.sent()).flat()).toHaveLength(3);
    expect(scene.requests.length - before).toBeLessThanOrEqual(8);
    await first.sync.close();
    await second.count(1);
    // At once: no time passes here.
    await vi.waitUntil(() => second.sync.status.value.position === 4, WAIT);
    await scene.expectBooksComplete(second);
  });

  test('each says what waits in the store, from the commit of whichever tab on, and none that nothing does', async () => {
    const scene = await Scene.open();
    scene.offline = true;
    const tabs = [await startTab(scene), await startTab(scene), await startTab(scene)];
    for (const [index, tab] of tabs.entries()) {
      await tab.count(1);
      await untilBoth(tabs, 'offline', index + 1);
    }
    scene.offline = false;
    const seen: (number | undefined)[] = [];
    tabs[2]?.sync.status.subscribe(({ pending }) => seen.push(pending));
    tabs[1]?.sync.syncNow();
    await untilBoth(tabs, 'live', 0);
    expect(await inBooks(scene, 3)()).toBe(true);
    expect(seen[0]).toBe(3);
  });

  test('pause and resume count for all, whichever is asked, and for one that comes later', async () => {
    const scene = await Scene.open();
    const tabs = [await startTab(scene), await startTab(scene)] as const;
    await untilBoth(tabs, 'live', 0);
    tabs[1].sync.pause();
    await untilBoth(tabs, 'paused', 0);
    const third = await startTab(scene);
    await third.count(2);
    await untilBoth([...tabs, third], 'paused', 2);
    await tabs[0].sync.close();
    await vi.waitUntil(() => tabs[1].sync.status.value.state === 'paused', WAIT);
    expect(await inBooks(scene, 0)()).toBe(true);
    third.sync.resume();
    await untilBoth([tabs[1], third], 'live', 0);
    expect(await inBooks(scene, 2)()).toBe(true);
  });

  test('what others have recorded reaches the listeners, and the followers, of every tab', async () => {
    const scene = await Scene.open();
    const tabs = [await startTab(scene), await startTab(scene)] as const;
    await untilBoth(tabs, 'live', 0);
    const heard = tabs.map(({ store }) => {
      const listener = vi.fn();
      store.onRecorded(listener);
      return listener;
    });
    const other = await Scene.open();
    await other.count(2);
    await other.start({ fetch: scene.fetch }).settled();
    tabs[0].sync.syncNow();
    for (const [index, tab] of tabs.entries()) {
      await vi.waitUntil(() => tab.sync.status.value.position === 2, WAIT);
      await vi.waitUntil(() => heard[index]?.mock.calls.length !== 0, WAIT);
      expect(await tab.inside.maxNotificationId()).toBe(2);
    }
    await scene.expectBooksComplete(...tabs);
  });
});

describe('the trouble of the tab that synchronises', () => {
  test('nothing is said of what is pending before it is known', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    const seen: SyncStatus[] = [];
    scene.start().sync.status.subscribe((status) => seen.push(status));
    expect(seen).toEqual([expect.objectContaining({ state: 'starting', pending: undefined, setAside: undefined })]);
    await scene.settled();
    expect(seen.find(({ pending }) => pending === 0)).toMatchObject({ position: 1 });
  });

  test('a dead worker: another tab goes on within two seconds, and the tab itself says nothing of what is pending', async () => {
    const scene = await Scene.open();
    const [first, second] = [await startTab(scene), await startTab(scene)];
    await untilBoth([first, second], 'live', 0);
    first.isDead = true;
    await second.count(1);
    await vi.waitUntil(() => second.sync.status.value.pending === 1, WAIT);
    await withinTakeover(scene, inBooks(scene, 1));
    await untilBoth([second], 'live', 0);
    await vi.waitUntil(() => first.sync.status.value.pending === undefined, WAIT);
    // And it stays so, without any time that passes.
    await second.count(2);
    await vi.waitUntil(() => second.sync.status.value.position === 3, WAIT);
    await scene.expectBooksComplete(second);
  });

  test.each<[string, NonNullable<StartSyncOptions['getToken']>]>([
    ['has no token', () => undefined],
    ['has a wrong one', () => 'wrong'],
    ['fails to get one', () => Promise.reject(new Error('not signed in'))],
  ])('a tab that %s gives its turn to one that is signed in, at once', async (_name, getToken) => {
    const scene = await Scene.open();
    const first = await startTab(scene, { getToken });
    await vi.waitUntil(() => first.sync.status.value.lastError !== undefined, WAIT);
    const second = await startTab(scene);
    await second.count(3);
    await vi.waitUntil(inBooks(scene, 3), WAIT);
    await untilBoth([second, first], 'live', 0);
    await scene.expectBooksComplete(first, second);
  });

  test('a tab that gets no token in time gives its turn to one that is signed in', async () => {
    const scene = await Scene.open();
    const first = await startTab(scene, { getToken: () => new Promise(() => undefined) });
    const second = await startTab(scene);
    await second.count(3);
    await passing(scene, 1_000, inBooks(scene, 3));
    await untilBoth([second, first], 'live', 0);
    await scene.expectBooksComplete(first, second);
  });

  test('tabs that are all signed out say so, lose nothing, and send when one signs in', async () => {
    const scene = await Scene.open();
    const login: { token?: string } = {};
    const options = { getToken: () => login.token };
    const tabs = [await startTab(scene, options), await startTab(scene, options)] as const;
    await scene.count(2);
    await untilBoth(tabs, 'needs-auth', 2);
    expect(tabs[0].sync.status.value.lastError).toMatchObject({ code: 'UNAUTHORIZED' });
    // A try of each tab, with a second one by force, after the start and after the commits, and not again and again.
    expect(scene.requests.length).toBeLessThanOrEqual(12);
    scene.clock.advance(1_000);
    login.token = 'secret';
    tabs[1].sync.syncNow();
    await untilBoth(tabs, 'live', 0);
    await scene.expectBooksComplete(...tabs);
  });

  test('a tab that is frozen in its turn loses it within two seconds, and may send the same again when it thaws', async () => {
    const scene = await Scene.open();
    await scene.count(4);
    // Nothing that a frozen tab waits for arrives, it hears and says nothing, and its timers do not ring.
    const { promise: thaw, resolve: doThaw } = Promise.withResolvers<undefined>();
    vi.stubGlobal('BroadcastChannel', MuteChannel);
    const frozen = await startTab(scene, {
      clock: new ManualClock(),
      fetch: async (input, init) => {
        await thaw;
        return await scene.fetch(input, { ...init, signal: null });
      },
    });
    vi.unstubAllGlobals();
    await vi.waitUntil(() => frozen.sync.status.value.state === 'connecting', WAIT);
    const second = await startTab(scene);
    await vi.waitUntil(() => second.sync.status.value.pending === 4, WAIT);
    await withinTakeover(scene, inBooks(scene, 4));
    await untilBoth([second], 'live', 0);
    doThaw(undefined);
    await vi.waitUntil(async () => (await scene.sent()).length === 2, WAIT);
    const [once, again] = await scene.sent();
    expect(again).toEqual(once);
    await second.count(1);
    await vi.waitUntil(() => second.sync.status.value.position === 5, WAIT);
    await scene.expectBooksComplete(second);
  });

  test('a tab that hears, while its worker stands still, loses its turn within two seconds', async () => {
    const scene = await Scene.open();
    const [first, second] = [await startTab(scene), await startTab(scene)];
    await untilBoth([first, second], 'live', 0);
    const { promise, resolve: thaw } = Promise.withResolvers<undefined>();
    first.frozen = promise;
    await second.count(2);
    await vi.waitUntil(() => second.sync.status.value.pending === 2, WAIT);
    await withinTakeover(scene, inBooks(scene, 2));
    thaw(undefined);
    first.frozen = undefined;
    await second.count(1);
    await passing(scene, 500, inBooks(scene, 3));
    await untilBoth([first, second], 'live', 0);
    await scene.expectBooksComplete(first, second);
  });

  test('also one that others’ events are waited for from: a person who comes to another tab has them two seconds later', async () => {
    const scene = await Scene.open();
    const [first, second] = [await startTab(scene), await startTab(scene)];
    await untilBoth([first, second], 'live', 0);
    const { promise, resolve: thaw } = Promise.withResolvers<undefined>();
    first.frozen = promise;
    const other = await Scene.open();
    await other.count(1);
    await other.start({ fetch: scene.fetch }).settled();
    // Of the second tab: the last one that was started.
    second.sync.syncNow();
    await withinTakeover(scene, () => second.sync.status.value.position === 1);
    await scene.expectBooksComplete(second);
    thaw(undefined);
  });

  test('a page that is told that it will be frozen gives its turn away at once, and waits for one when it goes on', async () => {
    const scene = await Scene.open();
    const first = await startTab(scene);
    const { freeze } = scene;
    await untilBoth([first], 'live', 0);
    const second = await startTab(scene);
    // A request of its own never ends.
    scene.script.push(() => new Promise(() => undefined));
    first.sync.syncNow();
    await vi.waitUntil(() => scene.script.length === 0, WAIT);
    freeze(true);
    await second.count(1);
    await vi.waitUntil(inBooks(scene, 1), WAIT);
    freeze(false);
    await second.sync.close();
    await first.count(1);
    await vi.waitUntil(inBooks(scene, 2), WAIT);
    await untilBoth([first], 'live', 0);
    await scene.expectBooksComplete(first);
  });
});

const nothing = (): void => undefined;

class MuteChannel {
  readonly addEventListener = nothing;
  readonly postMessage = nothing;
  readonly close = nothing;
}

describe('listeners of the status that throw', () => {
  test('neither count as a refusal nor end the sync, and are reported', async () => {
    const scene = await Scene.open(newOriginatorId());
    await scene.count(3);
    const told: string[] = [];
    const errors = uncaughtErrors();
    onTestFinished(() => void vi.restoreAllMocks());
    scene.start().sync.status.subscribe(() => {
      throw new Error('a listener');
    });
    scene.sync.status.subscribe(({ state }) => told.push(state));
    await scene.settled();
    await scene.count(2);
    await scene.until(({ state, position }) => state === 'live' && position === 5);
    expect(errors.length).toBeGreaterThan(1);
    expect(told).not.toContain('stuck');
    expect(scene.sync.status.value.lastError).toBeUndefined();
    await scene.expectBooksComplete();
  });
});
