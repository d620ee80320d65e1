/** Clocks that are wrong, networks that come and go, and long absences. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, fails, Scene, WAIT } from '../../support/sync-scene.js';

afterEach(closeScenes);

const DAY_MS = 86_400_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a device whose clock is a year off', () => {
  test.each([-365, 365])('by %i days from the start: it sends, follows, waits and heals as any other', async (days) => {
    const scene = await Scene.open();
    const other = await Scene.open();
    scene.clock.set(Date.now() + days * DAY_MS);
    other.clock.set(Date.now());
    await scene.count(2);
    scene.script.push(fails);
    const waiting = await scene.start().until(({ state }) => state === 'waiting');
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 999);
    scene.clock.advance(999);
    await scene.settled();
    const restore = scene.log.backup();
    await other.count(2);
    await other.start({ fetch: scene.fetch }).settled();
    scene.clock.advance(36_000);
    await scene.until(({ position }) => position === 4);
    restore();
    scene.clock.advance(36_000);
    await vi.waitUntil(async () => (await scene.books()).length === 4, WAIT);
    await scene.settled();
    await scene.expectBooksComplete(scene.tab, other.tab);
    // When something was recorded is said by the server's clock.
    for (const { origin } of await scene.books())
      expect(Math.abs(origin.recordedAtMs - Date.now())).toBeLessThan(60_000);
  });

  test('or is set a year back and forth while it is up to date: others’ events come as soon as before', async () => {
    const scene = await Scene.open();
    await scene.start().settled();
    const other = await Scene.open();
    other.start({ fetch: scene.fetch });
    for (const [index, days] of [-365, 730, -365].entries()) {
      scene.clock.set(scene.clock.nowMs() + days * DAY_MS);
      await other.count(1);
      await other.until(({ position }) => position === index + 1, other.sync);
      scene.clock.advance(36_000);
      await scene.until(({ position }) => position === index + 1);
    }
    await scene.expectBooksComplete();
  });
});

describe('a network that comes and goes', () => {
  test('a hundred times a minute: one request at a time, no more than there were reasons for, and everything arrives', async () => {
    const scene = await Scene.open();
    const isOffline = (): boolean => scene.offline;
    const underWay = new Set<AbortSignal>();
    let mostUnderWay = 0;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const signal = init?.signal as AbortSignal;
      underWay.add(signal);
      // On a slow machine half a minute of this clock may pass before a turn does: such a request was given up.
      mostUnderWay = Math.max(mostUnderWay, [...underWay].filter(({ aborted }) => !aborted).length);
      try {
        await turn();
        if (isOffline()) throw new TypeError('no network');
        const answer = await scene.fetch(input, init);
        await turn();
        if (isOffline()) throw new TypeError('the network was lost');
        return answer;
      } finally {
        underWay.delete(signal);
      }
    };
    scene.start({ fetch });
    let counted = 0;
    for (let minute = 0; minute < 3; minute++) {
      for (let change = 0; change < 200; change++) {
        scene.offline = !scene.offline;
        scene.wake();
        if (change % 20 === 0) {
          await scene.count(1);
          counted++;
        }
        // Not a whole number of turns for each change: requests are caught at every place.
        for (let turns = 0; turns < change % 7; turns++) await turn();
        scene.clock.advance(300);
      }
    }
    scene.offline = false;
    scene.wake();
    await scene.until(({ state, pending, position }) => state === 'live' && pending === 0 && position === counted);
    expect(mostUnderWay).toBe(1);
    expect(scene.requests.length).toBeLessThan(600);
    await scene.expectBooksComplete();
  });

  test('and says nothing of it: what is recorded is sent within a minute, and others’ events come', async () => {
    const scene = await Scene.open();
    const other = await Scene.open();
    scene.offline = true;
    await scene.count(1);
    await scene.start().until(({ state }) => state === 'offline');
    await other.count(1);
    await other.start({ fetch: scene.fetch }).settled();
    // The browser goes on to say that there is none, and nobody is woken.
    scene.clock.advance(60_000);
    await scene.until(({ state, pending, position }) => state === 'live' && pending === 0 && position === 2);
    await scene.expectBooksComplete();
  });
});

describe('sixty days without a network, and 50,000 units that wait', () => {
  test('all of them arrive in their order, with what others have recorded meanwhile, without beginning anew', async () => {
    const units = 50_000;
    const scene = await Scene.open();
    const other = await Scene.open();
    await scene.count(10);
    await scene.start().settled();
    scene.offline = true;
    scene.wake();
    const items = Array.from({ length: 50 }, () => newOriginatorId());
    for (let version = 1; version <= units / items.length; version++) {
      await Promise.all(items.map((item) => scene.tab.record(item, version)));
      scene.clock.advance((60 * DAY_MS) / (units / items.length));
    }
    await other.count(20);
    await other.start({ fetch: scene.fetch }).settled();
    await scene.until(({ pending }) => pending === units);
    const requests = scene.requests.length;
    scene.offline = false;
    scene.wake();
    await vi.waitUntil(() => scene.sync.status.value.position === units + 30, { interval: 20, timeout: 120_000 });
    expect(scene.requests.length - requests).toBeLessThan((units / 500) * 2 + 20);
    expect(scene.paths.slice(requests)).not.toContain('common');
    await scene.expectBooksComplete();
  }, 180_000);
});
