import { afterEach, describe, expect, test, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { DuplicateEventError } from '../../src/persistence/duplicate-event-error.js';
import type { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createSyncServer } from '../../src/server/index.js';
import type { InlinePushes } from '../../src/server/index.js';
import type { StartSyncOptions } from '../../src/sync/tabs/start-sync.js';
import type { SyncStatus } from '../../src/sync/sync-status.js';
import { PUSH_TRACKING_NAME } from '../../src/sync/confirmed.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { answerLost, closeScenes, cutShort, fails, portal, Scene, status, WAIT } from '../support/sync-scene.js';
import type { Answer } from '../support/sync-scene.js';

afterEach(closeScenes);

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
    // Asked is only whether the server still has the last of them.
    await vi.waitUntil(() => scene.requests.length === 2, WAIT);
    expect(await scene.sent()).toEqual([[1, 2, 3], [3]]);
    await scene.expectBooksComplete();
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
    scene.script.push(status(503, { 'retry-after': '120', 'daybook-protocol': '1' }));
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
    scene.script.push(status(503, { 'retry-after': '999999999', 'daybook-protocol': '1' }));
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

  test('an event id that another event has: stops, says which event, loses nothing, and goes on when the server lets it', async () => {
    const scene = new Scene('taken event id');
    const [own, eventId] = [newOriginatorId(), newOriginatorId()];
    const application = (
      recorder: MemoryProcessRecorder,
      eventIds: string[],
      inline: MemoryEventIndex[],
    ): Application =>
      new Application({ recorder, aggregates: [testStock], inline, newEventId: () => eventIds.shift() as string });
    const add = { type: 'Add', data: { quantity: 1 } } as const;
    const participants = [new MemoryEventIndex()];
    const books = application(scene.books, [eventId], participants);
    await books.execute(testStock, newOriginatorId(), add);
    const inline: InlinePushes = { participants, decode: (notification) => books.decode(notification) };
    const strict = createSyncServer({ recorder: scene.books, inline, tokens: ['secret'] });
    scene.script.push(strict.fetch, strict.fetch);

    const device = application(scene.recorder, [own, eventId], []);
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    await device.execute(testStock, first, add);
    await device.execute(testStock, second, add);
    scene.start();
    const { pending, lastError, nextAttemptAtMs } = await scene.until(({ state }) => state === 'stopped');
    expect([pending, nextAttemptAtMs]).toEqual([2, scene.clock.nowMs() + 60_000]);
    expect(lastError).toBeInstanceOf(DuplicateEventError);
    expect(lastError).toMatchObject({ code: 'DUPLICATE_EVENT', details: { eventId, id: 2, originatorId: second } });
    expect(await scene.books.maxNotificationId()).toBe(1);
    scene.clock.advance(60_000);
    const again = await scene.until(({ state }) => state === 'stopped' && scene.requests.length === 2);
    expect(again.lastError).toMatchObject({ code: 'DUPLICATE_EVENT' });
    // Somebody has looked at both events, and the server takes them.
    scene.sync.pushNow();
    expect(await scene.until(({ state }) => state === 'idle')).toMatchObject({ pending: 0, lastError: undefined });
    expect(await scene.books.maxNotificationId()).toBe(3);
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

describe('a store that has lost what was confirmed', () => {
  /** Pushes so many events, and goes on as another program with a store that has fewer of them. */
  async function setBack(confirmed: number, kept: number, remembered: number): Promise<{ before: Scene; now: Scene }> {
    const before = new Scene('before');
    await before.count(confirmed);
    before.start();
    await before.until(({ state, pending }) => state === 'idle' && pending === 0);
    await before.sync.close();
    const now = new Scene('now');
    Object.assign(now.store, { replicaId: before.store.replicaId });
    const events = await before.recorder.selectNotifications({ start: 1, limit: kept });
    await now.recorder.insertEvents(
      events.map(({ id: _id, ...event }) => event),
      { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId: remembered } },
    );
    before.requests.splice(0);
    return { before, now };
  }

  async function stopped({ before, now }: { before: Scene; now: Scene }, code: string): Promise<SyncStatus> {
    const status = await now.until(({ state }) => state === 'stopped');
    expect(status.lastError).toMatchObject({ code });
    expect(await before.books.maxNotificationId()).toBe(10);
    expect(await before.books.maxTrackingId(now.store.replicaId)).toBe(10);
    return status;
  }

  test('with what it remembers of that: says so while nothing is pending', async () => {
    const scenes = await setBack(10, 5, 5);
    scenes.now.start({ fetch: scenes.before.fetch });
    expect(await stopped(scenes, 'REPLICA_DIVERGED')).toMatchObject({ pending: 0 });
  });

  test.each([3, 5, 8])(
    'with what it remembers of that, and has %i others instead: none is mixed in',
    async (others) => {
      const scenes = await setBack(10, 5, 5);
      await scenes.now.count(others);
      scenes.now.start({ fetch: scenes.before.fetch });
      expect(await stopped(scenes, 'REPLICA_DIVERGED')).toMatchObject({ pending: others });
    },
  );

  test('but remembers it: says so, sends nothing, and does not take others for confirmed', async () => {
    const scenes = await setBack(10, 5, 10);
    const { before, now } = scenes;
    now.start({ fetch: before.fetch });
    const status = await stopped(scenes, 'LOG_BEHIND');
    // Nothing is said to be safe.
    expect(status).toMatchObject({ pending: 5, lastError: { details: { position: 10, head: 5 } } });
    // Beyond what was confirmed: the ids alone tell nothing any more.
    await now.count(7);
    now.clock.advance(60_000);
    now.sync.pushNow();
    await stopped(scenes, 'LOG_BEHIND');
    expect(before.requests).toEqual([]);
    await now.sync.close();
    now.start({ fetch: before.fetch });
    await stopped(scenes, 'REPLICA_DIVERGED');
    expect(await before.sent()).toEqual([[10, 11, 12]]);
  });

  test('is not what another start is: the last confirmed event is sent once more, and the rest', async () => {
    const scenes = await setBack(10, 10, 10);
    const { before, now } = scenes;
    await now.count(2);
    now.start({ fetch: before.fetch });
    await now.until(({ state, pending }) => state === 'idle' && pending === 0);
    await now.count(1);
    await now.until(({ state, confirmedId }) => state === 'idle' && confirmedId === 13);
    expect(await before.sent()).toEqual([[10, 11, 12], [13]]);
    expect(await before.books.maxNotificationId()).toBe(13);
  });

  test('is not what a limit that was lowered is: a confirmed event that is too large keeps none after it', async () => {
    const scenes = await setBack(1, 1, 1);
    const { before, now } = scenes;
    await now.count(1);
    before.script.push(status(413), status(413));
    now.start({ fetch: before.fetch });
    await now.until(({ state, pending }) => state === 'idle' && pending === 0);
    expect(await before.sent()).toEqual([[1, 2], [1], [2]]);
    expect(await before.books.maxNotificationId()).toBe(2);
  });
});

describe('code of others, without an end', () => {
  const never = (): Promise<never> => new Promise(() => undefined);

  test('a getToken that never settles is given up after half a minute, told so, and asked again', async () => {
    const scene = new Scene('endless token');
    await scene.count(1);
    const signals: AbortSignal[] = [];
    scene.start({
      getToken: ({ signal }) => {
        signals.push(signal);
        return signals.length === 1 ? never() : 'secret';
      },
    });
    await scene.until(({ state }) => state === 'pushing');
    await vi.waitUntil(() => signals.length === 1, WAIT);
    scene.clock.advance(29_999);
    expect(signals[0]?.aborted).toBe(false);
    scene.clock.advance(1);
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting.lastError).toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'token' } });
    expect(signals[0]?.aborted).toBe(true);
    scene.clock.advance(1_000);
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
  });

  test.each<[string, Partial<StartSyncOptions>]>([
    ['getToken', { getToken: never }],
    ['fetch', { fetch: never }],
    [
      'the body of an answer',
      { fetch: async () => new Response(new ReadableStream(), { headers: { 'daybook-protocol': '1' } }) },
    ],
  ])('close does not wait for %s', async (name, options) => {
    const scene = new Scene(`close ${name}`);
    await scene.count(1);
    scene.start(options);
    await scene.until(({ state }) => state === 'pushing');
    await scene.sync.close();
    expect(scene.sync.status.value.pending).toBe(1);
  });

  test('a fetch that minds no signal is given up after a time', async () => {
    const scene = new Scene('deaf fetch');
    await scene.count(1);
    const fetch = vi.fn(scene.fetch).mockImplementationOnce(never);
    scene.start({ fetch });
    await vi.waitUntil(() => fetch.mock.calls.length === 1, WAIT);
    scene.clock.advance(30_000);
    await scene.until(({ state }) => state === 'waiting');
    scene.clock.advance(1_000);
    await scene.until(({ state }) => state === 'idle');
  });

  test.each<[string, Answer]>([
    ['a server', (_request, forward) => forward()],
    ['a gateway before it', () => new Response('<h1>401</h1>', { status: 401 })],
  ])('a token that %s refuses is asked for once more, by force', async (name, answer) => {
    const scene = new Scene(`force ${name}`);
    await scene.count(1);
    scene.script.push(answer);
    const asked: boolean[] = [];
    scene.start({
      getToken: ({ force }) => {
        asked.push(force);
        return force ? 'secret' : 'expired';
      },
    });
    await scene.until(({ state }) => state === 'idle');
    expect(asked.slice(0, 2)).toEqual([false, true]);
    await scene.expectBooksComplete();
  });

  test('a token that no header can carry is said to be one', async () => {
    const scene = new Scene('odd token');
    await scene.count(1);
    scene.start({ getToken: () => 'two\nlines' });
    const { lastError } = await scene.until(({ state }) => state === 'waiting');
    expect(lastError).toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'token' } });
    expect(scene.requests).toHaveLength(0);
  });

  test('of an answer without an end no more is read than any answer has', async () => {
    const scene = new Scene('endless answer');
    await scene.count(1);
    let pulled = 0;
    const chunk = new Uint8Array(65_536).fill(32);
    scene.script.push(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              pulled += chunk.length;
              controller.enqueue(chunk);
            },
          }),
        ),
    );
    scene.start();
    await scene.until(({ state }) => state === 'waiting');
    expect(pulled).toBeLessThan(3_000_000);
  });
});

describe('progress', () => {
  /** Large ones. */
  async function record(scene: Scene, count: number, stateBytes: number): Promise<void> {
    const state = new Uint8Array(stateBytes);
    for (let index = 0; index < count; index++) {
      await scene.recorder.insertEvents([
        { originatorId: newOriginatorId(), originatorVersion: 1, topic: 'Large', state },
      ]);
    }
  }

  const sizeOf = async (request: Request): Promise<number> => (await request.clone().arrayBuffer()).byteLength;

  test('a proxy that takes 100 kB and answers 413 with a page: everything arrives, without a wait', async () => {
    const scene = new Scene('small proxy');
    await record(scene, 110, 9_000);
    const proxy: Answer = async (request, forward) =>
      (await sizeOf(request)) > 100_000
        ? new Response('<html>413 Request Entity Too Large</html>', { status: 413 })
        : await forward();
    scene.script.push(...Array.from({ length: 200 }, () => proxy));
    scene.start();
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
    expect(scene.requests.length).toBeLessThan(40);
  });

  test('a line of 200 kbit/s: everything arrives', async () => {
    const scene = new Scene('slow line');
    await record(scene, 110, 9_000);
    const line: Answer = async (request, forward) => {
      const bytes = await sizeOf(request);
      await new Promise((resolve) => scene.clock.schedule(() => resolve(undefined), bytes / 25));
      // What was given up does not arrive.
      return request.signal.aborted ? await Promise.reject(request.signal.reason as Error) : await forward();
    };
    scene.script.push(...Array.from({ length: 200 }, () => line));
    scene.start();
    await scene.until(({ state }) => state === 'pushing');
    let seconds = 0;
    await vi.waitUntil(() => {
      if (scene.sync.status.value.state === 'idle') return true;
      scene.clock.advance(500);
      seconds += 0.5;
      return false;
    }, WAIT);
    await scene.expectBooksComplete();
    expect(seconds).toBeLessThan(200);
  });

  test('one large event on a line of 50 kbit/s arrives, because it cannot be made smaller', async () => {
    const scene = new Scene('slow line, large event');
    await record(scene, 1, 700_000);
    scene.script.push(async (request, forward) => {
      const bytes = await sizeOf(request);
      await new Promise((resolve) => scene.clock.schedule(() => resolve(undefined), bytes / 6.25));
      return request.signal.aborted ? await Promise.reject(request.signal.reason as Error) : await forward();
    });
    scene.start();
    await vi.waitUntil(() => {
      if (scene.sync.status.value.state === 'idle') return true;
      scene.clock.advance(1_000);
      return false;
    }, WAIT);
    expect(scene.requests).toHaveLength(1);
    await scene.expectBooksComplete();
  });

  test('one event that is too large for a proxy is named, with what to do, and goes when the limit is raised', async () => {
    const scene = new Scene('too large event');
    await record(scene, 1, 1_000);
    await record(scene, 1, 300_000);
    await record(scene, 1, 1_000);
    let limit = 100_000;
    const proxy: Answer = async (request, forward) =>
      (await sizeOf(request)) > limit ? new Response('', { status: 413 }) : await forward();
    scene.script.push(...Array.from({ length: 100 }, () => proxy));
    scene.start();
    const stopped = await scene.until(({ state }) => state === 'stopped');
    expect(stopped).toMatchObject({ pending: 2, confirmedId: 1 });
    expect(stopped.lastError).toMatchObject({ code: 'TOO_LARGE', details: { notificationId: 2, status: 413 } });
    limit = 500_000;
    scene.sync.pushNow();
    await scene.until(({ state }) => state === 'idle');
    await scene.expectBooksComplete();
  });

  test.each<['stop' | 'resend', string, number]>([
    ['stop', 'stopped', 30],
    ['resend', 'idle', 0],
  ])('a server that was restored is noticed while idle: %s', async (onServerBehind, state, pending) => {
    const scene = new Scene(`restored ${onServerBehind}`);
    await scene.count(50);
    scene.start({ onServerBehind });
    await scene.until((status) => status.state === 'idle');
    await scene.restoreBooks(20);
    scene.clock.advance(900_000);
    const status = await scene.until((each) => each.state === state && each.pending === pending);
    if (onServerBehind === 'resend') {
      await vi.waitUntil(async () => (await scene.books.maxNotificationId()) === 50, WAIT);
      await scene.expectBooksComplete();
    } else expect(status.lastError).toMatchObject({ code: 'SERVER_BEHIND', details: { trackingId: 20 } });
  });

  test('an idle replica asks seldom, and what the network has to say of it is of no interest', async () => {
    const scene = new Scene('seldom');
    await scene.count(3);
    scene.start();
    await scene.until(({ state }) => state === 'idle');
    for (let minute = 0; minute < 14; minute++) scene.clock.advance(60_000);
    expect(scene.requests).toHaveLength(1);
    scene.script.push(fails);
    scene.clock.advance(60_000);
    await vi.waitUntil(() => scene.requests.length === 2, WAIT);
    scene.wake();
    scene.wake();
    expect(scene.sync.status.value).toMatchObject({ state: 'idle', pending: 0, lastError: undefined });
    scene.clock.advance(60_000);
    scene.wake();
    await vi.waitUntil(() => scene.requests.length === 3, WAIT);
    expect(await scene.sent()).toEqual([[1, 2, 3], [3], [3]]);
  });
});

describe('a clock that is set', () => {
  const DAY_MS = 86_400_000;

  test.each([-DAY_MS, DAY_MS, -365 * DAY_MS])(
    'by %d ms while a push waits: it waits as long as before',
    async (byMs) => {
      const scene = new Scene(`clock ${byMs}`);
      await scene.count(1);
      scene.script.push(fails, fails);
      scene.start();
      await scene.until(({ state }) => state === 'waiting');
      scene.clock.set(scene.clock.nowMs() + byMs);
      scene.clock.advance(998);
      expect(scene.requests).toHaveLength(1);
      scene.clock.advance(1);
      await vi.waitUntil(() => scene.requests.length === 2, WAIT);
      scene.clock.set(scene.clock.nowMs() - byMs);
      await scene.count(1);
      scene.clock.advance(2_000);
      await scene.until(({ state }) => state === 'idle');
      await scene.expectBooksComplete();
    },
  );

  test('a Retry-After of somebody who is not the server counts for a minute', async () => {
    const scene = new Scene('strange retry after');
    await scene.count(1);
    scene.script.push(status(503, { 'retry-after': '999999999' }));
    scene.start();
    const waiting = await scene.until(({ state }) => state === 'waiting');
    expect(waiting.nextAttemptAtMs).toBe(scene.clock.nowMs() + 60_000);
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
