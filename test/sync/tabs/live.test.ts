/** The stream by which the server says when there is news: one of each store, and what happens without. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Sync } from '../../../src/sync/tabs/start-sync-options.js';
import { closeScenes, Scene, status, WAIT } from '../../support/sync-scene.js';
import type { Answer, SceneTab } from '../../support/sync-scene.js';

afterEach(closeScenes);

/** Looks at the streams that a scene's tabs ask for, and says what becomes of them. */
class Streams {
  readonly opened: AbortSignal[] = [];
  answer: Answer = (_request, forward) => forward();
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  get open(): number {
    return this.opened.filter(({ aborted }) => !aborted).length;
  }

  start(tab: SceneTab, options: Parameters<Scene['start']>[0] = {}): Sync {
    return this.#scene.start({ live: true, store: tab.store, fetch: this.#fetch, ...options }).sync;
  }

  readonly #fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!new URL(request.url).pathname.endsWith('/live')) return await this.#scene.fetch(input, init);
    this.opened.push(init?.signal as AbortSignal);
    return await this.answer(request, () => this.#scene.fetch(request));
  };
}

async function devices(): Promise<{ scene: Scene; streams: Streams; other: SceneTab }> {
  const scene = await Scene.open();
  const other = await Scene.open();
  return { scene, streams: new Streams(scene), other: other.tab };
}

const isAt =
  (sync: Sync, position: number): (() => boolean) =>
  () =>
    sync.status.value.state === 'live' && sync.status.value.position === position;

describe('the stream', () => {
  test('brings what another device records a moment later, without any time that passes', async () => {
    const { scene, streams, other } = await devices();
    const syncs = [streams.start(scene.tab), streams.start(other)] as const;
    await vi.waitUntil(() => streams.open === 2, WAIT);
    for (let position = 1; position <= 3; position++) {
      await (position === 2 ? other : scene.tab).count(1);
      for (const sync of syncs) await vi.waitUntil(isAt(sync, position), WAIT);
    }
    await scene.expectBooksComplete(scene.tab, other);
    expect(streams.opened).toHaveLength(2);
  });

  test('is one for all tabs of a store, which are up to date by it; the next one asks for its own when that one goes', async () => {
    const { scene, streams, other } = await devices();
    const second = await scene.openTab();
    const [first, follower] = [streams.start(scene.tab), streams.start(second)];
    await vi.waitUntil(isAt(follower, 0), WAIT);
    await vi.waitUntil(() => streams.open === 1, WAIT);
    await other.count(1);
    scene.start({ store: other.store });
    for (const sync of [first, follower]) await vi.waitUntil(isAt(sync, 1), WAIT);
    expect(streams.opened).toHaveLength(1);
    await first.close();
    await vi.waitUntil(() => streams.opened.length === 2, WAIT);
    expect(streams.open).toBe(1);
    await other.count(1);
    await vi.waitUntil(isAt(follower, 2), WAIT);
  });

  test('is let go of while sync is paused, and asked for again after', async () => {
    const { scene, streams, other } = await devices();
    const sync = streams.start(scene.tab);
    await vi.waitUntil(() => streams.open === 1, WAIT);
    sync.pause();
    await vi.waitUntil(() => streams.open === 0, WAIT);
    await other.count(1);
    await scene.start({ store: other.store }).settled();
    scene.clock.advance(600_000);
    expect(sync.status.value).toMatchObject({ state: 'paused', position: 0 });
    expect(streams.opened).toHaveLength(1);
    scene.syncs[0]?.resume();
    await vi.waitUntil(() => streams.open === 1, WAIT);
    await vi.waitUntil(isAt(sync, 1), WAIT);
  });

  test('is not asked for before the server has answered, nor with push, nor where nobody wants one', async () => {
    const { scene, streams, other } = await devices();
    scene.script.push(status(503));
    const waiting = streams.start(scene.tab);
    await vi.waitUntil(() => waiting.status.value.state === 'waiting', WAIT);
    const sending = streams.start(other, { direction: 'push' });
    await vi.waitUntil(isAt(sending, 0), WAIT);
    const silent = streams.start(await scene.openTab(scene.of.copied()), { live: false });
    await vi.waitUntil(isAt(silent, 0), WAIT);
    expect(streams.opened).toHaveLength(0);
    scene.clock.advance(1_000);
    await vi.waitUntil(() => streams.opened.length === 1, WAIT);
  });

  test.each<[string, Answer]>([
    ['404 of a proxy', status(404)],
    ['405 of a server that has none', status(405, { 'daybook-protocol': '2' })],
    ['a page of a portal', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['no answer', () => Promise.reject(new TypeError('fetch failed'))],
  ])(
    'where there is none to be had (%s): what others record comes half a minute later, and nothing is said to be wrong',
    async (_name, answer) => {
      const { scene, streams, other } = await devices();
      streams.answer = answer;
      const sync = streams.start(scene.tab);
      await vi.waitUntil(() => streams.opened.length === 1, WAIT);
      await vi.waitUntil(isAt(sync, 0), WAIT);
      await other.count(1);
      await scene.start({ store: other.store }).settled();
      expect(sync.status.value.position).toBe(0);
      scene.clock.advance(36_000);
      await vi.waitUntil(isAt(sync, 1), WAIT);
      expect(sync.status.value.lastError).toBeUndefined();
    },
  );

  test('that is dead without having been closed is noticed by its silence: what was missed comes then', async () => {
    const { scene, streams, other } = await devices();
    const dead = new TransformStream<Uint8Array, Uint8Array>();
    const writer = dead.writable.getWriter();
    streams.answer = () => new Response(dead.readable, { headers: { 'daybook-protocol': '2' } });
    const sync = streams.start(scene.tab);
    await writer.write(new TextEncoder().encode(': here\n\n'));
    await vi.waitUntil(() => streams.open === 1, WAIT);
    await vi.waitUntil(isAt(sync, 0), WAIT);
    await other.count(1);
    await scene.start({ store: other.store }).settled();
    streams.answer = (_request, forward) => forward();
    // As time passes: no request is due before it.
    scene.clock.advance(49_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sync.status.value.position).toBe(0);
    scene.clock.advance(1_000);
    await vi.waitUntil(isAt(sync, 1), WAIT);
    await vi.waitUntil(() => streams.opened.length === 2, WAIT);
  });
});
