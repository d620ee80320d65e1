import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WorkerDiedError } from '../../src/host/protocol/client-errors.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import { LeaderWatch } from '../../src/sync/tabs/leader-watch.js';
import type { SyncStatus } from '../../src/sync/sync-status.js';
import type { Sync } from '../../src/sync/tabs/start-sync.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { PATIENTLY } from '../support/patience.js';
import { closeScenes, Scene, WAIT } from '../support/sync-scene.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

afterEach(closeScenes);

/** A tab of its own worker, which can die. */
class Tab {
  isDead = false;
  /** While it is frozen: its worker answers when this resolves. */
  frozen: Promise<unknown> | undefined;
  readonly sync: Sync;
  readonly scene: Scene;

  constructor(scene: Scene, token: () => string | undefined | Promise<string | undefined> = () => 'secret') {
    this.scene = scene;
    const recorder = new Proxy(scene.recorder, {
      get: (target, name: keyof ProcessRecorder) =>
        typeof target[name] === 'function'
          ? async (...given: never[]) => {
              if (this.isDead) throw new WorkerDiedError('The worker is gone.');
              await this.frozen;
              return await (target[name] as (...given: never[]) => unknown).apply(target, given);
            }
          : target[name],
    });
    const store = {
      ...scene.store,
      recorder,
      onRecorded: (listener: () => void) =>
        scene.store.onRecorded(() => this.isDead || this.frozen !== undefined || listener()),
    };
    this.sync = scene.start({ store, getToken: token }).sync;
  }

  async until(state: string, pending: number | undefined): Promise<void> {
    await vi.waitUntil(() => {
      const { value } = this.sync.status;
      return value.state === state && value.pending === pending;
    }, WAIT);
  }
}

/** Waits, and lets the clock go on meanwhile. */
async function passing(scene: Scene, byMs: number, isOver: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(async () => {
    if (await isOver()) return true;
    scene.clock.advance(byMs);
    return false;
  }, PATIENTLY);
}

describe('the trouble of the tab that pushes', () => {
  test('nothing is said of what is pending before it is known', async () => {
    const scene = new Scene('unknown');
    await scene.count(1);
    const seen: SyncStatus[] = [];
    scene.start().sync.status.subscribe((status) => seen.push(status));
    expect(seen).toEqual([expect.objectContaining({ state: 'starting', pending: undefined })]);
    await scene.until(({ state }) => state === 'idle');
    expect(seen.find(({ pending }) => pending === 0)).toMatchObject({ confirmedId: 1 });
  });

  test('a dead worker: another tab pushes, and the tab itself says nothing of what is pending', async () => {
    const scene = new Scene('dead worker');
    const [first, second] = [new Tab(scene), new Tab(scene)];
    await first.until('idle', 0);
    await second.until('idle', 0);
    first.isDead = true;
    await scene.count(1);
    await second.until('waiting', 1);
    await passing(scene, 500, async () => (await scene.books.maxNotificationId()) === 1);
    await second.until('idle', 0);
    await vi.waitUntil(() => first.sync.status.value.pending === undefined, WAIT);
    await scene.expectBooksComplete();
    // And it stays so, by messages only.
    await scene.count(2);
    await vi.waitUntil(() => second.sync.status.value.confirmedId === 3, WAIT);
    await second.until('idle', 0);
    await scene.expectBooksComplete();
  });

  test.each([
    ['has no token', () => undefined],
    ['has a wrong one', () => 'wrong'],
    ['gets none in time', () => new Promise<string>(() => undefined)],
    ['fails to get one', () => Promise.reject(new Error('not signed in'))],
  ])('a tab that %s gives its turn to one that is signed in', async (name, token) => {
    const scene = new Scene(`signed out ${name}`);
    const first = new Tab(scene, token);
    await first.until('idle', 0);
    const second = new Tab(scene);
    await second.until('idle', 0);
    await scene.count(3);
    await passing(scene, 1_000, async () => (await scene.books.maxNotificationId()) === 3);
    await second.until('idle', 0);
    await vi.waitUntil(() => first.sync.status.value.state === 'idle', WAIT);
    expect(first.sync.status.value).toMatchObject({ pending: 0 });
    await scene.expectBooksComplete();
  });

  test('tabs that are all signed out say so, lose nothing, and push when one signs in', async () => {
    const scene = new Scene('all signed out');
    const login: { token?: string } = {};
    const tabs = [new Tab(scene, () => login.token), new Tab(scene, () => login.token)];
    await scene.count(2);
    for (const tab of tabs) await tab.until('stopped', 2);
    expect(tabs[0]?.sync.status.value.lastError).toMatchObject({ code: 'UNAUTHORIZED' });
    // A try of each tab, with a second one by force, and not again and again.
    const before = scene.requests.length;
    expect(before).toBeLessThanOrEqual(4);
    scene.clock.advance(1_000);
    login.token = 'secret';
    tabs[1]?.sync.pushNow();
    for (const tab of tabs) await tab.until('idle', 0);
    await scene.expectBooksComplete();
  });

  test('a tab that is frozen in its turn loses it, and may send the same again when it thaws', async () => {
    const scene = new Scene('frozen');
    await scene.count(4);
    // Nothing that a frozen tab waits for arrives, it hears and says nothing, and its timers do not ring.
    const { promise: thaw, resolve: doThaw } = Promise.withResolvers<undefined>();
    vi.stubGlobal('BroadcastChannel', MuteChannel);
    const frozen = scene.start({
      clock: new ManualClock(),
      fetch: async (input, init) => {
        await thaw;
        return await scene.fetch(input, { ...init, signal: null });
      },
    }).sync;
    vi.unstubAllGlobals();
    await vi.waitUntil(() => frozen.status.value.state === 'pushing', WAIT);
    const second = new Tab(scene);
    expect(scene.requests).toHaveLength(0);
    await passing(scene, 500, async () => (await scene.books.maxNotificationId()) === 4);
    await second.until('idle', 0);
    doThaw(undefined);
    await vi.waitUntil(() => scene.requests.length === 2, WAIT);
    expect(await scene.sent()).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
    await scene.count(1);
    await vi.waitUntil(() => second.sync.status.value.confirmedId === 5, WAIT);
    await second.until('idle', 0);
    await scene.expectBooksComplete();
  });
});

test('a tab that hears, while its worker stands still, loses its turn', async () => {
  const scene = new Scene('hears');
  await scene.count(1);
  const [first, second] = [new Tab(scene), new Tab(scene)];
  for (const tab of [first, second]) await tab.until('idle', 0);
  const { promise, resolve: thaw } = Promise.withResolvers<undefined>();
  first.frozen = promise;
  await scene.count(2);
  await passing(scene, 500, async () => (await scene.books.maxNotificationId()) === 3);
  await second.until('idle', 0);
  thaw(undefined);
  first.frozen = undefined;
  await scene.count(1);
  await passing(scene, 500, async () => (await scene.books.maxNotificationId()) === 4);
  for (const tab of [first, second]) await tab.until('idle', 0);
  await scene.expectBooksComplete();
});

const nothing = (): void => undefined;

class MuteChannel {
  readonly addEventListener = nothing;
  readonly postMessage = nothing;
  readonly close = nothing;
}

test('a tab that answers is not taken its turn from, however long events wait', async () => {
  const scene = new Scene('answers');
  const [asked, onSilence] = [vi.fn(), vi.fn()];
  const watch: LeaderWatch = new LeaderWatch({
    clock: scene.clock,
    random: () => 0.5,
    ask: () => {
      asked();
      watch.heard();
    },
    onSilence,
  });
  watch.set(true);
  for (let second = 0; second < 300; second++) scene.clock.advance(1_000);
  expect(onSilence).not.toHaveBeenCalled();
  expect(asked.mock.calls.length).toBeLessThan(30);
  watch.set(false);
  scene.clock.advance(60_000);
  expect(onSilence).not.toHaveBeenCalled();
  scene.start();
});

describe('listeners of the status that throw', () => {
  test('neither count as a refusal nor end the sync, and are reported', async () => {
    const scene = new Scene('throwing listener');
    await scene.count(3);
    const told: string[] = [];
    const errors = uncaughtErrors();
    onTestFinished(() => void vi.restoreAllMocks());
    scene.start().sync.status.subscribe(() => {
      throw new Error('a listener');
    });
    scene.sync.status.subscribe(({ state }) => told.push(state));
    await scene.until(({ state }) => state === 'idle');
    await scene.count(2);
    await scene.until(({ state, confirmedId }) => state === 'idle' && confirmedId === 5);
    expect(errors.length).toBeGreaterThan(1);
    expect(told).not.toContain('stopped');
    expect(scene.sync.status.value.lastError).toBeUndefined();
    await scene.expectBooksComplete();
  });
});
