/** A store, a server and the network between them, all in memory, for tests of synchronisation. */
import { expect, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createSyncServer } from '../../src/server/index.js';
import { startSync } from '../../src/sync/tabs/start-sync.js';
import type { StartSyncOptions, Sync } from '../../src/sync/tabs/start-sync.js';
import type { SyncStatus } from '../../src/sync/sync-status.js';
import type { SyncStore } from '../../src/sync/sync-store.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

/** A bound for a loaded machine; what is waited for usually takes a millisecond. */
export const WAIT = { interval: 1, timeout: 10_000 };

export type Answer = (request: Request, forward: () => Promise<Response>) => Promise<Response> | Response;

/** A store and a server that keep everything in memory, with a network between them that a test scripts. */
export class Scene {
  readonly clock = new ManualClock();
  books = new MemoryProcessRecorder();
  readonly recorder = new MemoryProcessRecorder();
  readonly requests: Request[] = [];
  /** What becomes of the next requests; when none is left, they are forwarded. */
  readonly script: Answer[] = [];
  offline = false;
  wake: () => void = () => undefined;
  readonly #listeners = new Set<() => void>();
  readonly store: SyncStore;
  #server = createSyncServer({ recorder: this.books, tokens: ['secret'] });
  sync!: Sync;
  /** Every sync that was started, the last of which is `sync`. */
  readonly syncs: Sync[] = [];

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

  /** The network. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    this.requests.push(request.clone());
    const answer = this.script.shift() ?? ((_request, forward) => forward());
    return answer(request, async () => this.#server.fetch(request));
  };

  start(options: Partial<StartSyncOptions> = {}): this {
    this.sync = startSync({
      store: this.store,
      url: 'http://books.test',
      getToken: () => 'secret',
      clock: this.clock,
      random: () => 0.999_999,
      fetch: this.fetch,
      wakeSources: {
        isOffline: () => this.offline,
        onWake: (listener) => {
          this.wake = listener;
          return () => undefined;
        },
      },
      ...options,
    });
    this.syncs.push(this.sync);
    if (!scenes.includes(this)) scenes.push(this);
    return this;
  }

  async count(events: number): Promise<void> {
    await this.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, events));
    for (const listener of this.#listeners) listener();
  }

  /** Sets the server back to a backup, which holds so many events. */
  async restoreBooks(events: number): Promise<void> {
    const backup = new MemoryProcessRecorder();
    const kept = await this.books.selectNotifications({ start: 1, limit: events });
    await backup.insertEvents(
      kept.map(({ id: _id, ...event }) => event),
      { tracking: { applicationName: this.store.replicaId, notificationId: events } },
    );
    this.books = backup;
    this.#server = createSyncServer({ recorder: backup, tokens: ['secret'] });
  }

  /** The ids of each request. */
  async sent(): Promise<number[][]> {
    const bodies = await Promise.all(
      this.requests.map(async (request) => (await request.clone().json()) as { events: { id: number }[] }),
    );
    return bodies.map(({ events }) => events.map(({ id }) => id));
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

/** Ends what the test began; for `afterEach`. */
export async function closeScenes(): Promise<void> {
  for (const scene of scenes.splice(0)) await Promise.all(scene.syncs.map((sync) => sync.close()));
}

export const fails: Answer = () => Promise.reject(new TypeError('fetch failed'));
export const answerLost: Answer = async (_request, forward) => {
  await forward();
  throw new TypeError('fetch failed');
};
export const cutShort: Answer = async (_request, forward) => {
  const response = await forward();
  return new Response((await response.text()).slice(0, 10), response);
};
export const portal: Answer = () =>
  new Response('<html><body>Welcome to Airport WiFi</body></html>', { headers: { 'content-type': 'text/html' } });
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response('busy', { status: code, headers });
