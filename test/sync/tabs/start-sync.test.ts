import { afterEach, describe, expect, test, vi } from 'vitest';
import type { StartSyncOptions } from '../../../src/sync/tabs/start-sync-options.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import {
  answerLost,
  closeScenes,
  cutShort,
  fails,
  ours,
  portal,
  Scene,
  status,
  WAIT,
} from '../../support/sync-scene.js';
import type { Answer } from '../../support/sync-scene.js';

afterEach(closeScenes);

describe('sending', () => {
  test('gets every unit to the server once, in order, in batches', async () => {
    const scene = await Scene.open();
    await scene.count(1_234);
    scene.start();
    const done = await scene.settled();
    expect(done).toMatchObject({ pending: 0, setAside: 0, position: 1_234, head: 1_234, lastError: undefined });
    expect(done.lastSuccessAtMs).toBe(scene.clock.nowMs());
    // Before the server has stated its limits, as many as every server takes.
    expect((await scene.sent()).map(({ length }) => length)).toEqual([200, 500, 500, 34]);
    await scene.expectBooksComplete();
    const versions = (await scene.books()).flatMap(({ events }) => events.map((event) => event.originatorVersion));
    expect(versions).toEqual(Array.from({ length: 1_234 }, (_, index) => index + 1));
  });

  test('is woken by a new commit', async () => {
    const scene = (await Scene.open()).start();
    await scene.settled();
    await scene.count(2);
    await scene.until(({ state, position }) => state === 'live' && position === 2);
    await scene.expectBooksComplete();
  });

  test('remembers how far it is in the store: a second start sends nothing again', async () => {
    const scene = await Scene.open();
    await scene.count(3);
    await scene.start().settled();
    await scene.sync.close();
    scene.requests.length = 0;
    await scene.start().settled();
    expect(scene.paths).toEqual(['units']);
    await scene.expectBooksComplete();
  });

  test('a place that another device has taken: the unit is set aside, and the rest goes on', async () => {
    const scene = await Scene.open();
    const other = await Scene.open();
    const taken = newOriginatorId();
    await other.tab.record(taken);
    await other.start({ fetch: scene.fetch }).settled();
    await scene.tab.record(taken);
    await scene.tab.record(taken, 2);
    await scene.count(2);
    const { setAside, position } = await scene.start().settled();
    expect([setAside, position]).toEqual([2, 3]);
    const reasons = await scene.tab.inside.selectSetAside(0, { eventsMax: 10, bytesMax: 1_000 });
    expect(reasons.map(({ reason }) => reason.code)).toEqual(['CONFLICT', 'CONFLICT']);
    await scene.expectBooksComplete();
  });
});

describe('which ways events go', () => {
  async function two(options: Partial<StartSyncOptions>): Promise<readonly [Scene, Scene]> {
    const scene = await Scene.open();
    const other = await Scene.open();
    await other.count(3);
    await other.start({ fetch: scene.fetch }).settled();
    await scene.count(2);
    scene.start(options);
    return [scene, other];
  }
  const eventsOf = async ({ tab }: Scene): Promise<number> =>
    (await tab.inside.selectNotifications({ start: 1, limit: 100 })).length;

  test('both: what others have recorded is here, with what is recorded here', async () => {
    const [scene, other] = await two({});
    await scene.settled();
    other.sync.syncNow();
    await other.until(({ position }) => position === 5);
    await scene.expectBooksComplete(scene.tab, other.tab);
  });

  test('push: others have what is recorded here, and nothing of theirs comes', async () => {
    const [scene, other] = await two({ direction: 'push' });
    const { position } = await scene.settled();
    expect([position, await eventsOf(scene)]).toEqual([5, 2]);
    other.sync.syncNow();
    await other.until((status) => status.position === 5);
    expect(await eventsOf(other)).toBe(5);
  });

  test('push: what others record on an aggregate that is here comes, because it stands in one order with it', async () => {
    const [scene, other] = await two({ direction: 'push' });
    const shared = newOriginatorId();
    await scene.tab.record(shared);
    await scene.until(({ position }) => position === 6);
    other.sync.syncNow();
    await other.until(({ position }) => position === 6);
    await other.tab.record(shared, 2);
    await other.settled();
    await scene.tab.record(shared, 2);
    const { setAside } = await scene.until(({ state, setAside: aside }) => state === 'live' && aside === 1);
    expect(setAside).toBe(1);
    const here = await scene.tab.inside.selectEvents(shared);
    const there = await other.tab.inside.selectEvents(shared);
    expect(here).toEqual(there);
  });

  test('push: a server that was restored gets back what is own, whoever brings the rest, and whoever comes first', async () => {
    for (const isFirst of [true, false]) {
      const restoring = await Scene.open();
      const empty = restoring.log.backup();
      const other = await Scene.open();
      const shared = newOriginatorId();
      await other.count(2);
      await other.tab.record(shared);
      await other.start({ fetch: restoring.fetch }).settled();
      await restoring.count(3);
      await restoring.start({ direction: 'push' }).settled();
      other.sync.syncNow();
      await other.until(({ position }) => position === 6);
      empty();
      const [first, second] = isFirst ? [restoring, other] : [other, restoring];
      first.sync.syncNow();
      await vi.waitUntil(async () => (await restoring.books()).length === (isFirst ? 3 : 6), WAIT);
      await first.settled();
      const before = restoring.requests.length;
      second.sync.syncNow();
      // The other one brings all of it, in the order that it had: then it is the same log again.
      const path = isFirst ? 'heal' : 'units';
      await vi.waitUntil(() => restoring.paths.slice(before).includes(path), WAIT);
      for (const scene of [second, restoring]) {
        scene.sync.syncNow();
        await scene.until(({ state, position, pending }) => state === 'live' && position === 6 && pending === 0);
      }
      expect(await restoring.books()).toHaveLength(6);
      expect(await eventsOf(restoring)).toBe(3);
      expect(await eventsOf(other)).toBe(6);
    }
  });

  test('pull: what others have recorded is here, and what is recorded here stays here', async () => {
    const [scene] = await two({ direction: 'pull' });
    const { pending } = await scene.until(({ state, position }) => state === 'live' && position === 3);
    expect([pending, await eventsOf(scene)]).toEqual([2, 5]);
    expect(scene.paths.filter((path) => path === 'push')).toHaveLength(1);
  });

  test('push: news of others are of no interest, a restored server is: it is asked once in a quarter of an hour', async () => {
    const [scene] = await two({ direction: 'push' });
    await scene.settled();
    scene.requests.length = 0;
    for (let minute = 0; minute < 14; minute++) scene.clock.advance(60_000);
    await vi.waitUntil(() => scene.sync.status.value.state === 'live', WAIT);
    expect(scene.requests).toHaveLength(0);
    scene.clock.advance(300_000);
    await vi.waitUntil(() => scene.requests.length === 1, WAIT);
  });
});

describe('a bad network', () => {
  const FAULTS: readonly (readonly [string, Answer])[] = [
    ['a request that is lost', fails],
    ['an answer that is lost', answerLost],
    ['an answer that is cut short', cutShort],
    ['a captive portal', portal],
    ['a 200 with JSON that is not ours', () => Response.json({ decisions: [], head: 99 })],
    ['our header with a body that is not ours', () => ours({ ok: true })],
    ['a redirect to nowhere', status(302)],
    ['500', status(500)],
    ['502 of a proxy', status(502, { 'content-type': 'text/html' })],
    ['404 of a proxy', status(404)],
    ['429', status(429)],
  ];

  test.each(FAULTS)('%s: is tried again, and nothing is counted twice', async (_name, answer) => {
    const scene = await Scene.open();
    await scene.count(7);
    scene.script.push(answer);
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting).toMatchObject({ pending: 7, position: 0, lastError: { code: 'UNAVAILABLE' } });
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 999);
    scene.clock.advance(1_000);
    expect(await scene.settled()).toMatchObject({ pending: 0, lastError: undefined });
    await scene.expectBooksComplete();
  });

  test.each(FAULTS)('%s, to a page: nothing of it counts, and it is asked for again', async (_name, answer) => {
    const other = await Scene.open();
    await other.count(3);
    await other.start().settled();
    const scene = await Scene.open();
    scene.script.push(answer);
    scene.start({ fetch: async (input, init) => await scene.through(other, new Request(input, init)) });
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting).toMatchObject({ pending: 0, position: 0, lastError: { code: 'UNAVAILABLE' } });
    scene.clock.advance(1_000);
    await scene.until(({ state, position }) => state === 'live' && position === 3);
    await other.expectBooksComplete(scene.tab);
  });

  test('Retry-After is respected, also when there is a reason to hope', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.script.push(status(503, { 'retry-after': '120', 'daybook-protocol': '2' }));
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    // With a tenth of it, by chance the largest.
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 131_999);
    scene.wake();
    scene.sync.syncNow();
    await scene.count(1);
    scene.clock.advance(131_998);
    await scene.until(({ pending }) => pending === 2);
    expect(scene.requests).toHaveLength(1);
    scene.clock.advance(1);
    await scene.settled();
    await scene.expectBooksComplete();
  });

  test.each([
    ['the server', '2', 3_959_999],
    ['somebody who is not the server', undefined, 65_999],
  ])('a Retry-After of years, of %s, is not one of years', async (_name, protocol, waitMs) => {
    const scene = await Scene.open();
    await scene.count(1);
    const header = protocol === undefined ? {} : { 'daybook-protocol': protocol };
    scene.script.push(status(503, { 'retry-after': '999999999', ...header }));
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + waitMs);
    scene.clock.advance(waitMs);
    await scene.settled();
  });

  test('coming back online or to the page ends the wait', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.script.push(...Array.from({ length: 6 }, () => fails));
    scene.start();
    for (let attempt = 1; attempt <= 6; attempt++) {
      await scene.until(({ state }) => state === 'waiting' && scene.requests.length === attempt);
      scene.wake();
    }
    await scene.settled();
  });

  test('commits while the server is away do not hammer it', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.script.push(...Array.from({ length: 100 }, () => fails));
    scene.start();
    await scene.until(({ state }) => state === 'waiting');
    for (let commit = 0; commit < 50; commit++) await scene.count(1);
    await scene.until(({ pending }) => pending === 51);
    expect(scene.requests).toHaveLength(1);
  });

  test('offline, nothing is sent until the browser says otherwise', async () => {
    const scene = await Scene.open();
    scene.offline = true;
    await scene.count(2);
    scene.start();
    expect(await scene.until(({ state }) => state === 'offline')).toMatchObject({ pending: 2, offline: true });
    await scene.count(1);
    await scene.until(({ pending }) => pending === 3);
    expect(scene.requests).toHaveLength(0);
    scene.offline = false;
    scene.wake();
    expect(await scene.settled()).toMatchObject({ offline: false });
    await scene.expectBooksComplete();
  });

  test('a server that never answers is given up after a time', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.script.push(
      (request) =>
        new Promise((_resolve, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason as Error));
        }),
    );
    scene.start();
    await vi.waitUntil(() => scene.requests.length === 1, WAIT);
    scene.clock.advance(30_000);
    await scene.until(({ state }) => state === 'waiting');
  });

  test.each([-86_400_000, 86_400_000, -365 * 86_400_000])(
    'a clock that is set by %d ms while it waits: it waits as long as before',
    async (byMs) => {
      const scene = await Scene.open();
      await scene.count(1);
      scene.script.push(fails, fails);
      scene.start();
      await scene.until(({ state }) => state === 'waiting');
      scene.clock.set(scene.clock.nowMs() + byMs);
      scene.clock.advance(998);
      expect(scene.requests).toHaveLength(1);
      scene.clock.advance(1);
      await vi.waitUntil(() => scene.requests.length === 2, WAIT);
      await scene.until(({ state }) => state === 'waiting');
      scene.clock.set(scene.clock.nowMs() - byMs);
      await scene.count(1);
      await scene.until(({ pending }) => pending === 2);
      scene.clock.advance(2_000);
      await scene.settled();
      await scene.expectBooksComplete();
    },
  );
});

describe('refusals', () => {
  test('an unauthorized token is asked for once more, then said', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    const asked: boolean[] = [];
    scene.start({
      getToken: ({ force }) => {
        asked.push(force);
        return force ? 'secret' : 'expired';
      },
    });
    await scene.settled();
    expect(asked.slice(0, 2)).toEqual([false, true]);

    const refused = await Scene.open();
    await refused.count(1);
    refused.start({ getToken: () => 'wrong' });
    const stopped = await refused.until(({ state }) => state === 'needs-auth');
    expect(stopped).toMatchObject({ pending: 1, lastError: { code: 'UNAUTHORIZED' } });
    expect(stopped.nextAttemptAtMs).toBe(refused.clock.nowMs() + 60_000);
  });

  test('a server that speaks another version says so: nothing is lost, and it is tried again once a minute', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    const error = { name: 'UpgradeRequiredError', code: 'UPGRADE_REQUIRED', message: 'newer', details: {} };
    scene.script.push(() => Response.json({ error }, { status: 426, headers: { 'daybook-protocol': '3' } }));
    scene.start();
    const stopped = await scene.until(({ state }) => state === 'upgrade-required');
    expect(stopped).toMatchObject({ pending: 1, lastError: { code: 'UPGRADE_REQUIRED' } });
    scene.clock.advance(60_000);
    await scene.settled();
    await scene.expectBooksComplete();
  });

  test.each<[string, Partial<StartSyncOptions>]>([
    ['direction', { direction: 'down' as never }],
    ['tenant', { tenant: '' }],
    ['store', { store: { recorder: new MemoryProcessRecorder() } as never }],
  ])('an option that is not what it should be is refused at once: %s', async (option, options) => {
    const scene = await Scene.open();
    expect(() => scene.start(options)).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR', details: { option } }),
    );
  });

  test('a tenant is part of the address', async () => {
    const scene = await Scene.open();
    scene.start({ tenant: 'north/3' });
    await vi.waitUntil(() => scene.requests.length > 0, WAIT);
    expect(scene.paths[0]).toBe('t/north%2F3/units');
  });
});

describe('stores and servers that were set back', () => {
  test.each([0, 3, 5, 8])(
    'a store that has lost what it had sent, and has %i others instead: all is there again, once',
    async (others) => {
      const scene = await Scene.open();
      await scene.count(5);
      const records = scene.of.journal.records.length;
      await scene.count(5);
      await scene.start().settled();
      const before = scene.of.copied(records);
      const tab = await scene.openTab(before);
      await tab.count(others);
      scene.start({ store: tab.store });
      await scene.until(
        ({ state, pending, position }) => state === 'live' && pending === 0 && position === 10 + others,
      );
      await scene.expectBooksComplete(tab);
    },
  );

  test('a copy that has what its original has not sent yet: both send it, and it is there once', async () => {
    const scene = await Scene.open();
    await scene.count(4);
    const copy = await scene.openTab(scene.of.copied());
    await copy.count(1);
    await scene.start().settled();
    const sync = scene.start({ store: copy.store }).sync;
    await scene.settled(sync);
    expect((await scene.sent()).map(({ length }) => length)).toEqual([4, 5]);
    await scene.expectBooksComplete(copy);
    scene.syncs[0]?.syncNow();
    await scene.until(({ position }) => position === 5, scene.syncs[0]);
    await scene.expectBooksComplete();
  });

  test('a server that was restored is noticed while there is nothing to do, and gets back what it had lost', async () => {
    const scene = await Scene.open();
    await scene.count(2);
    await scene.start().settled();
    const restore = scene.log.backup();
    await scene.count(3);
    await scene.until(({ state, position }) => state === 'live' && position === 5);
    restore();
    expect(await scene.books()).toHaveLength(2);
    const states = new Set<string>();
    scene.sync.status.subscribe(({ state }) => states.add(state));
    scene.clock.advance(36_000);
    await vi.waitUntil(async () => (await scene.books()).length === 5, WAIT);
    await scene.settled();
    expect(states).toContain('healing');
    await scene.expectBooksComplete();
  });
});

describe('what is not known', () => {
  test('how much waits while the server gets back what it had lost is not said, in no tab', async () => {
    const scene = await Scene.open();
    const second = await scene.openTab();
    await scene.count(3);
    await scene.start().settled();
    const other = scene.start({ store: second.store }).sync;
    await scene.until(({ position }) => position === 3, other);
    const seen: (number | undefined)[] = [];
    const [one] = scene.syncs as [typeof other];
    for (const { status: each } of [one, other]) {
      each.subscribe(({ state, pending }) => state === 'healing' && seen.push(pending));
    }
    await scene.tab.inside.rewind('0');
    expect((await scene.tab.inside.syncProgress()).lostUnits).toBe(3);
    one.syncNow();
    await vi.waitUntil(() => seen.length > 0, WAIT);
    await scene.until(({ state, pending, position }) => state === 'live' && pending === 0 && position === 3, one);
    expect(seen).toContain(undefined);
    // Before they are confirmed again they are pending again.
    expect(seen).not.toContain(0);
    await scene.expectBooksComplete();
  });

  test('after the end nothing is said of what waits: recording goes on', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    await scene.start().settled();
    await scene.sync.close();
    await scene.count(1);
    expect(scene.sync.status.value).toMatchObject({ pending: undefined, setAside: undefined });
  });
});

describe('code of others, without an end', () => {
  const never = (): Promise<never> => new Promise(() => undefined);

  test('a getToken that never settles is given up after half a minute, told so, and asked again', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    const signals: AbortSignal[] = [];
    scene.start({
      getToken: ({ signal }) => {
        signals.push(signal);
        return signals.length === 1 ? never() : 'secret';
      },
    });
    await vi.waitUntil(() => signals.length === 1, WAIT);
    scene.clock.advance(29_999);
    expect(signals[0]?.aborted).toBe(false);
    scene.clock.advance(1);
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting.lastError).toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'token' } });
    expect(signals[0]?.aborted).toBe(true);
    scene.clock.advance(1_000);
    await scene.settled();
    await scene.expectBooksComplete();
  });

  test.each<[string, Partial<StartSyncOptions>]>([
    ['getToken', { getToken: never }],
    ['fetch', { fetch: never }],
    [
      'the body of an answer',
      { fetch: async () => new Response(new ReadableStream(), { headers: { 'daybook-protocol': '2' } }) },
    ],
  ])('close does not wait for %s', async (_name, options) => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.start(options);
    await scene.until(({ state, pending }) => state === 'connecting' && pending === 1);
    await scene.sync.close();
    expect((await scene.tab.inside.syncProgress()).pendingEvents).toBe(1);
  });

  test('a fetch that minds no signal is given up after a time', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    const fetch = vi.fn(scene.fetch).mockImplementationOnce(never);
    scene.start({ fetch });
    await vi.waitUntil(() => fetch.mock.calls.length === 1, WAIT);
    scene.clock.advance(30_000);
    await scene.until(({ state }) => state === 'waiting');
    scene.clock.advance(1_000);
    await scene.settled();
  });

  test('a token that a gateway before the server refuses is asked for once more, by force', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.script.push(() => new Response('<h1>401</h1>', { status: 401 }));
    const asked: boolean[] = [];
    scene.start({
      getToken: ({ force }) => {
        asked.push(force);
        return 'secret';
      },
    });
    await scene.settled();
    expect(asked.slice(0, 2)).toEqual([false, true]);
    await scene.expectBooksComplete();
  });

  test('a token that no header can carry is said to be one', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    scene.start({ getToken: () => 'two\nlines' });
    const { lastError } = await scene.until(({ state }) => state === 'waiting');
    expect(lastError).toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'token' } });
    expect(scene.requests).toHaveLength(0);
  });

  test.each([
    ['of a stranger', {}],
    ['of the server', { 'daybook-protocol': '2' }],
  ])('of an answer without an end, %s, no more is read than any answer has', async (_name, headers) => {
    const scene = await Scene.open();
    await scene.count(1);
    let pulled = 0;
    const chunk = new Uint8Array(1_048_576).fill(32);
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      pulled += chunk.length;
      controller.enqueue(chunk);
    };
    scene.script.push(() => new Response(new ReadableStream({ pull }), { headers }));
    scene.start();
    await scene.until(({ state }) => state === 'waiting');
    expect(pulled).toBeLessThan(10_000_000);
  });
});

describe('progress', () => {
  const large = async (scene: Scene, count: number, stateBytes: number): Promise<void> => {
    for (let index = 0; index < count; index++) await scene.tab.record(newOriginatorId(), 1, stateBytes);
  };
  const sizeOf = async (request: Request): Promise<number> => (await request.clone().arrayBuffer()).byteLength;
  const proxyOf =
    (bytesMax: () => number): Answer =>
    async (request, forward) =>
      (await sizeOf(request)) > bytesMax()
        ? new Response('<html>413 Request Entity Too Large</html>', { status: 413 })
        : await forward();
  /** Both ways. */
  const lineOf =
    (scene: Scene, bytesPerMs: number): Answer =>
    async (request, forward) => {
      const pass = async (bytes: number): Promise<unknown> =>
        new Promise((resolve) => scene.clock.schedule(() => resolve(undefined), bytes / bytesPerMs));
      await pass(await sizeOf(request));
      // What was given up does not arrive.
      if (request.signal.aborted) throw request.signal.reason;
      const answer = await forward();
      const body = await answer.arrayBuffer();
      await pass(body.byteLength);
      return new Response(body, answer);
    };

  test('a proxy that takes 100 kB and answers 413 with a page: everything arrives, without a wait', async () => {
    const scene = await Scene.open();
    await large(scene, 110, 9_000);
    scene.script.push(...Array.from({ length: 200 }, () => proxyOf(() => 100_000)));
    await scene.start().settled();
    await scene.expectBooksComplete();
    expect(scene.requests.length).toBeLessThan(40);
  });

  test('a line of 200 kbit/s: everything arrives', async () => {
    const scene = await Scene.open();
    await large(scene, 110, 9_000);
    scene.script.push(...Array.from({ length: 200 }, () => lineOf(scene, 25)));
    scene.start();
    let seconds = 0;
    await vi.waitUntil(() => {
      const { state, pending } = scene.sync.status.value;
      if (state === 'live' && pending === 0) return true;
      scene.clock.advance(500);
      seconds += 0.5;
      return false;
    }, WAIT);
    await scene.expectBooksComplete();
    expect(seconds).toBeLessThan(400);
  });

  test('one large event on a line of 50 kbit/s arrives, because it cannot be made smaller', async () => {
    const scene = await Scene.open();
    await large(scene, 1, 700_000);
    scene.script.push(lineOf(scene, 6.25));
    scene.start();
    await vi.waitUntil(() => {
      const { state, pending } = scene.sync.status.value;
      if (state === 'live' && pending === 0) return true;
      // In small steps: the server takes its own time to read so much, while this clock goes on.
      scene.clock.advance(200);
      return false;
    }, WAIT);
    expect(await scene.sent()).toHaveLength(1);
    await scene.expectBooksComplete();
  });

  test('one unit that is too large for a proxy is named, with what to do, and goes when the limit is raised', async () => {
    const scene = await Scene.open();
    await large(scene, 1, 1_000);
    await large(scene, 1, 300_000);
    await large(scene, 1, 1_000);
    let limit = 100_000;
    scene.script.push(...Array.from({ length: 100 }, () => proxyOf(() => limit)));
    scene.start();
    const stuck = await scene.until(({ state }) => state === 'stuck');
    expect(stuck.pending).toBeGreaterThanOrEqual(2);
    const { lastError } = stuck;
    expect(lastError).toMatchObject({ code: 'TOO_LARGE', details: { notificationId: 2, status: 413 } });
    expect(lastError?.message).toContain('Raise the limit');
    limit = 500_000;
    scene.sync.syncNow();
    await scene.settled();
    await scene.expectBooksComplete();
  });
});

describe('control', () => {
  test('pause sends nothing, resume goes on', async () => {
    const scene = (await Scene.open()).start();
    scene.sync.pause();
    await scene.count(2);
    expect(await scene.until(({ pending }) => pending === 2)).toMatchObject({ state: 'paused' });
    expect(scene.requests).toHaveLength(0);
    scene.sync.resume();
    await scene.settled();
    await scene.expectBooksComplete();
  });

  test('syncNow asks for news at once', async () => {
    const scene = (await Scene.open()).start();
    await scene.settled();
    scene.requests.length = 0;
    scene.sync.syncNow();
    await vi.waitUntil(() => scene.requests.length === 1, WAIT);
    expect(scene.paths).toEqual(['units']);
  });

  test('close gives up a request on its way, and the next start settles what became of it', async () => {
    const scene = await Scene.open();
    await scene.count(4);
    scene.script.push((request, forward) =>
      forward().then(
        () =>
          new Promise((_resolve, reject) =>
            request.signal.addEventListener('abort', () => reject(new Error('aborted'))),
          ),
      ),
    );
    scene.start();
    await vi.waitUntil(async () => (await scene.books()).length === 4, WAIT);
    await scene.sync.close();
    expect((await scene.tab.inside.syncProgress()).pendingUnits).toBe(4);
    await scene.start().settled();
    await scene.expectBooksComplete();
  });
});
