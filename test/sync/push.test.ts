import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createSyncServer } from '../../src/server/index.js';
import { startSync } from '../../src/sync/tabs/start-sync.js';
import type { StartSyncOptions, Sync } from '../../src/sync/tabs/start-sync.js';
import type { SyncStatus } from '../../src/sync/sync-status.js';
import { PUSH_TRACKING_NAME } from '../../src/sync/confirmed.js';
import type { SyncStore } from '../../src/sync/sync-store.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

/** A bound for a loaded machine; what is waited for usually takes a millisecond. */
const WAIT = { interval: 1, timeout: 10_000 };

type Answer = (request: Request, forward: () => Promise<Response>) => Promise<Response> | Response;

/** A store and a server that keep everything in memory, with a network between them that a test scripts. */
class Scene {
  readonly clock = new ManualClock();
  readonly books = new MemoryProcessRecorder();
  readonly recorder = new MemoryProcessRecorder();
  readonly requests: Request[] = [];
  /** What becomes of the next requests; when none is left, they are forwarded. */
  readonly script: Answer[] = [];
  offline = false;
  wake: () => void = () => undefined;
  readonly #listeners = new Set<() => void>();
  readonly store: SyncStore;
  readonly #server = createSyncServer({ recorder: this.books, tokens: ['secret'] });
  sync!: Sync;

  constructor(name: string) {
    this.store = {
      name,
      replicaId: newOriginatorId(),
      recorder: this.recorder,
      onRecorded: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  start(options: Partial<StartSyncOptions> = {}): this {
    this.sync = startSync({
      store: this.store,
      url: 'http://books.test',
      getToken: () => 'secret',
      clock: this.clock,
      random: () => 0.999_999,
      fetch: async (input, init) => {
        const request = new Request(input, init);
        this.requests.push(request.clone());
        const answer = this.script.shift() ?? ((_request, forward) => forward());
        return answer(request, async () => this.#server.fetch(request));
      },
      wakeSources: {
        isOffline: () => this.offline,
        onWake: (listener) => {
          this.wake = listener;
          return () => undefined;
        },
      },
      ...options,
    });
    scenes.push(this);
    return this;
  }

  async count(events: number): Promise<void> {
    await this.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, events));
    for (const listener of this.#listeners) listener();
  }

  async until(condition: (status: SyncStatus) => boolean): Promise<SyncStatus> {
    await vi.waitUntil(() => condition(this.sync.status.value), WAIT);
    return this.sync.status.value;
  }

  /** What the server recorded, as it must be: everything of the store, in order, once. */
  async expectBooksComplete(): Promise<void> {
    const strip = ({ id: _id, ...event }: { id: number }): object => event;
    const local = await this.recorder.selectNotifications({ start: 1, limit: 100_000 });
    const remote = await this.books.selectNotifications({ start: 1, limit: 100_000 });
    expect(remote.map(strip)).toEqual(local.map(strip));
    expect(await this.books.maxTrackingId(this.store.replicaId)).toBe(local.length);
  }
}

const scenes: Scene[] = [];
afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.sync.close();
});

const fails: Answer = () => Promise.reject(new TypeError('fetch failed'));
const answerLost: Answer = async (_request, forward) => {
  await forward();
  throw new TypeError('fetch failed');
};
const cutShort: Answer = async (_request, forward) => {
  const response = await forward();
  return new Response((await response.text()).slice(0, 10), response);
};
const portal: Answer = () =>
  new Response('<html><body>Welcome to Airport WiFi</body></html>', { headers: { 'content-type': 'text/html' } });
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response('busy', { status: code, headers });

describe('pushing', () => {
  test('gets every event to the server once, in order, in batches', async () => {
    const scene = new Scene('batches');
    await scene.count(1_234);
    scene.start();
    const done = await scene.until(({ state }) => state === 'idle');
    expect(done).toMatchObject({ pending: 0, confirmedId: 1_234, lastError: undefined });
    expect(done.lastSuccessAtMs).toBe(scene.clock.nowMs());
    expect(scene.requests).toHaveLength(3);
    await scene.expectBooksComplete();
  });

  test('is woken by a new commit', async () => {
    const scene = new Scene('new commit').start();
    await scene.until(({ state }) => state === 'idle');
    await scene.count(2);
    await scene.until(({ state, confirmedId }) => state === 'idle' && confirmedId === 2);
    await scene.expectBooksComplete();
  });

  test('remembers its progress in the store: a second start sends nothing again', async () => {
    const scene = new Scene('progress');
    await scene.count(3);
    scene.start();
    await scene.until(({ state }) => state === 'idle');
    await scene.sync.close();
    expect(await scene.recorder.maxTrackingId(PUSH_TRACKING_NAME)).toBe(3);
    scene.start();
    await scene.until(({ state }) => state === 'idle');
    expect(scene.requests).toHaveLength(1);
  });

  test('halves a batch that is too large for the server', async () => {
    const scene = new Scene('halves');
    await scene.count(10);
    scene.script.push((_request) =>
      Response.json(
        { error: { name: 'TooLargeError', code: 'TOO_LARGE', message: 'too large' } },
        { status: 413, headers: { 'daybook-protocol': '1' } },
      ),
    );
    scene.start();
    await scene.until(({ state }) => state === 'idle');
    const sizes = await Promise.all(
      scene.requests.map(async (request) => ((await request.json()) as { events: unknown[] }).events.length),
    );
    expect(sizes).toEqual([10, 5, 5]);
    await scene.expectBooksComplete();
  });
});

describe('a bad network', () => {
  test.each<[string, Answer]>([
    ['a request that is lost', fails],
    ['an answer that is lost', answerLost],
    ['an answer that is cut short', cutShort],
    ['a captive portal', portal],
    ['a 200 with JSON that is not ours', () => Response.json({ tracking: { id: 99 }, head: 99 })],
    [
      'our header with a body that is not ours',
      () => Response.json({ ok: true }, { headers: { 'daybook-protocol': '1' } }),
    ],
    ['a redirect to nowhere', status(302)],
    ['500', status(500)],
    ['502 of a proxy', status(502, { 'content-type': 'text/html' })],
    ['404 of a proxy', status(404)],
    ['429', status(429)],
  ])('%s: is tried again, and nothing is counted twice', async (name, answer) => {
    const scene = new Scene(name);
    await scene.count(7);
    scene.script.push(answer);
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting).toMatchObject({ pending: 7, confirmedId: 0, lastError: { code: 'UNAVAILABLE' } });
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 999);
    scene.clock.advance(1_000);
    const done = await scene.until(({ state }) => state === 'idle');
    expect(done).toMatchObject({ pending: 0, lastError: undefined });
    await scene.expectBooksComplete();
  });

  test('waits longer and longer, up to a minute, for ever', async () => {
    const scene = new Scene('backoff');
    await scene.count(1);
    const waits: number[] = [];
    scene.script.push(...Array.from({ length: 12 }, () => fails));
    scene.start();
    for (let attempt = 1; attempt <= 12; attempt++) {
      await scene.until(({ state }) => state === 'waiting' && scene.requests.length === attempt);
      const waitMs = (scene.sync.status.value.nextAttemptAtMs as number) - scene.clock.nowMs();
      waits.push(waitMs);
      scene.clock.advance(waitMs);
    }
    expect(waits.slice(0, 8)).toEqual([999, 1_999, 3_999, 7_999, 15_999, 31_999, 59_999, 59_999]);
    await scene.until(({ state }) => state === 'idle');
  });

  test('Retry-After is respected, also when there is a reason to hope', async () => {
    const scene = new Scene('retry after');
    await scene.count(1);
    scene.script.push(status(503, { 'retry-after': '120' }));
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 120_000);
    scene.wake();
    scene.sync.pushNow();
    await scene.count(1);
    scene.clock.advance(119_999);
    await scene.until(({ pending }) => pending === 2);
    expect(scene.requests).toHaveLength(1);
    scene.clock.advance(1);
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
  });

  test('Retry-After of years is an hour', async () => {
    const scene = new Scene('retry after years');
    await scene.count(1);
    scene.script.push(status(503, { 'retry-after': '999999999' }));
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 3_600_000);
    scene.clock.advance(3_600_000);
    await scene.until(({ state }) => state === 'idle');
  });

  test('coming back online or to the page ends the wait', async () => {
    const scene = new Scene('online');
    await scene.count(1);
    scene.script.push(...Array.from({ length: 6 }, () => fails));
    scene.start();
    for (let attempt = 1; attempt <= 6; attempt++) {
      await scene.until(({ state }) => state === 'waiting' && scene.requests.length === attempt);
      scene.wake();
    }
    await scene.until(({ state }) => state === 'idle');
  });

  test('commits while the server is away do not hammer it', async () => {
    const scene = new Scene('hammer');
    await scene.count(1);
    scene.script.push(...Array.from({ length: 100 }, () => fails));
    scene.start();
    await scene.until(({ state }) => state === 'waiting');
    for (let commit = 0; commit < 50; commit++) await scene.count(1);
    await scene.until(({ pending }) => pending === 51);
    expect(scene.requests).toHaveLength(1);
  });

  test('offline, nothing is sent until the browser says otherwise', async () => {
    const scene = new Scene('offline');
    scene.offline = true;
    await scene.count(2);
    scene.start();
    expect(await scene.until(({ state }) => state === 'offline')).toMatchObject({ pending: 2, offline: true });
    await scene.count(1);
    await scene.until(({ pending }) => pending === 3);
    expect(scene.requests).toHaveLength(0);
    scene.offline = false;
    scene.wake();
    expect(await scene.until(({ state }) => state === 'idle')).toMatchObject({ offline: false });
    await scene.expectBooksComplete();
  });

  test('a server that never answers is given up after a time', async () => {
    const scene = new Scene('hangs');
    await scene.count(1);
    scene.script.push(
      (request) =>
        new Promise((_resolve, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason as Error));
        }),
    );
    scene.start();
    await scene.until(({ state }) => state === 'pushing');
    await vi.waitUntil(() => scene.requests.length === 1, WAIT);
    scene.clock.advance(30_000);
    await scene.until(({ state }) => state === 'waiting');
  });
});

describe('refusals', () => {
  test('an unauthorized token is asked for once more, then said', async () => {
    const scene = new Scene('token');
    await scene.count(1);
    const asked: boolean[] = [];
    scene.start({
      getToken: ({ force }) => {
        asked.push(force);
        return force ? 'secret' : 'expired';
      },
    });
    await scene.until(({ state }) => state === 'idle');
    expect(asked).toEqual([false, true]);

    const refused = new Scene('no token');
    await refused.count(1);
    refused.start({ getToken: () => 'wrong' });
    const stopped = await refused.until(({ state }) => state === 'stopped');
    expect(stopped).toMatchObject({ pending: 1, lastError: { code: 'UNAUTHORIZED' } });
  });

  test('a taken position stops the queue and loses nothing; it is tried again once a minute', async () => {
    const scene = new Scene('conflict');
    const id = newOriginatorId();
    await scene.books.insertEvents(sampleEvents(id, 1, 1));
    await scene.recorder.insertEvents(sampleEvents(id, 1, 2));
    scene.start();
    const stopped = await scene.until(({ state }) => state === 'stopped');
    expect(stopped).toMatchObject({ pending: 2, lastError: { code: 'INTEGRITY_ERROR' } });
    expect(await scene.books.maxNotificationId()).toBe(1);
    scene.clock.advance(60_000);
    await vi.waitUntil(() => scene.requests.length === 2, WAIT);
  });

  test('a server that holds more of the store than there is: says so, and nothing counts as confirmed', async () => {
    const scene = new Scene('more than there is');
    await scene.count(3);
    const ahead: Answer = async (_request, forward) =>
      Response.json({ tracking: { id: 4 }, head: 4 }, { headers: (await forward()).headers });
    scene.script.push(ahead);
    scene.start();
    const { pending, lastError } = await scene.until(({ state }) => state === 'stopped');
    expect(lastError).toMatchObject({ code: 'REPLICA_DIVERGED', details: { trackingId: 4 } });
    expect(pending).toBe(3);
    expect(await scene.recorder.maxTrackingId(PUSH_TRACKING_NAME)).toBe(0);
  });

  test('a server that lost what it confirmed: stop says so, resend heals', async () => {
    const scene = new Scene('behind');
    await scene.count(5);
    await scene.recorder.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId: 3 } });
    scene.start();
    const stopped = await scene.until(({ state }) => state === 'stopped');
    expect(stopped.lastError).toMatchObject({ code: 'SERVER_BEHIND', details: { trackingId: 0 } });
    await scene.sync.close();
    scene.start({ onServerBehind: 'resend' });
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
    expect(await scene.recorder.maxTrackingId(PUSH_TRACKING_NAME)).toBe(5);
  });

  test('a store that was set back is not mixed with what the server has of it', async () => {
    const scene = new Scene('set back');
    await scene.count(3);
    await scene.books.insertEvents(sampleEvents(newOriginatorId(), 1, 9), {
      tracking: { applicationName: scene.store.replicaId, notificationId: 9 },
    });
    scene.start();
    const stopped = await scene.until(({ state }) => state === 'stopped');
    expect(stopped).toMatchObject({ pending: 3, lastError: { code: 'REPLICA_DIVERGED' } });
    expect(await scene.books.maxNotificationId()).toBe(9);
  });
});

describe('control', () => {
  test('pause sends nothing, resume goes on', async () => {
    const scene = new Scene('pause').start();
    scene.sync.pause();
    await scene.count(2);
    expect(await scene.until(({ pending }) => pending === 2)).toMatchObject({ state: 'paused' });
    expect(scene.requests).toHaveLength(0);
    scene.sync.resume();
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
  });

  test('one of several runs, all know how it stands, and the next one takes over', async () => {
    const scene = new Scene('several').start();
    await scene.until(({ state }) => state === 'idle');
    const first = scene.sync;
    scene.start();
    const second = scene.sync;
    await scene.count(3);
    await vi.waitUntil(() => second.status.value.confirmedId === 3 && second.status.value.state === 'idle', WAIT);
    expect(scene.requests).toHaveLength(1);
    await first.close();
    await scene.count(1);
    await vi.waitUntil(() => second.status.value.confirmedId === 4, WAIT);
    await scene.expectBooksComplete();
  });

  test('close gives up a request on its way, and the next start sends it again', async () => {
    const scene = new Scene('close');
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
    await vi.waitUntil(async () => (await scene.books.maxNotificationId()) === 4, WAIT);
    await scene.sync.close();
    expect(await scene.recorder.maxTrackingId(PUSH_TRACKING_NAME)).toBe(0);
    scene.start();
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
  });
});
