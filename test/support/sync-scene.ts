/** Stores in tabs, a server and the network between them, all in memory, for tests of synchronisation. */
import { randomBytes } from 'node:crypto';
import { expect, vi } from 'vitest';
import { WorkerDiedError } from '../../src/host/protocol/client-errors.js';
import { changesOf } from '../../src/persistence/journal/commit-changes.js';
import type { JournalCommit } from '../../src/persistence/journal/journal-record.js';
import { tablesChanged } from '../../src/persistence/sqlite/own-tables/table-changes.js';
import { ANY_CHANGES, ChangeNews } from '../../src/persistence/store-changes.js';
import type { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { ConfirmedUnit, UnitId } from '../../src/persistence/unit.js';
import { unpackPendingUnits } from '../../src/persistence/unit-batch.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { Visibility } from '../../src/server/log/unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { startSync } from '../../src/sync/tabs/start-sync.js';
import type { StartSyncOptions, Sync } from '../../src/sync/tabs/start-sync-options.js';
import type { SyncStatus } from '../../src/sync/sync-status.js';
import type { SyncStore } from '../../src/sync/sync-store.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { openTab } from './own-tables-tab.js';
import { SharedJournal } from './shared-journal.js';

/** A bound for a loaded machine; what is waited for usually takes a millisecond. */
export const WAIT = { interval: 1, timeout: 10_000 };
const ALL = { eventsMax: 1_000_000, bytesMax: 1e9 };

export type Answer = (request: Request, forward: () => Promise<Response>) => Promise<Response> | Response;

/** One store, which tabs have open, and what they tell each other of its commits. */
export class SceneStore {
  readonly replicaId = newOriginatorId();
  readonly name: string;
  readonly journal: SharedJournal;
  readonly tabs: SceneTab[] = [];

  constructor(name: string, journal = new SharedJournal()) {
    this.name = name;
    this.journal = journal;
  }

  async open(): Promise<SceneTab> {
    const tab = new SceneTab(this);
    await tab.open();
    this.tabs.push(tab);
    return tab;
  }

  /** Another one with the same content, as a copied profile has; of the store as it is now, or was. */
  copied(records: number = this.journal.records.length): SceneStore {
    const journal = new SharedJournal();
    journal.records.push(...this.journal.records.slice(0, records).map((record) => record?.slice()));
    return new SceneStore(newOriginatorId(), journal);
  }
}

/** A tab of its own worker, which can die, and stand still. */
export class SceneTab {
  isDead = false;
  /** While it is frozen: its worker answers when this resolves. */
  frozen: Promise<unknown> | undefined;
  /** The worker's own. */
  inside!: DurableRecorder;
  readonly store: SyncStore & { readonly recorder: DurableRecorder };
  readonly #of: SceneStore;
  readonly #listeners = new Set<() => void>();
  readonly #news = new ChangeNews();
  #close: () => Promise<void> = async () => undefined;

  constructor(of: SceneStore) {
    this.#of = of;
    this.store = {
      name: of.name,
      replicaId: of.replicaId,
      recorder: this.#recorder(),
      onRecorded: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  async open(): Promise<void> {
    const { recorder, database } = await openTab(this.#of.journal, undefined, {
      onApplied: (position, own, commits) => this.#applied(position, own, commits),
    });
    this.inside = recorder;
    this.#close = async () => {
      await recorder.close();
      database.close();
    };
  }

  /** Records so many units of one event each, of one new aggregate. */
  async count(units: number): Promise<void> {
    const originatorId = newOriginatorId();
    for (let version = 1; version <= units; version++) await this.record(originatorId, version);
  }

  async record(originatorId: string, originatorVersion = 1, stateBytes = 10): Promise<void> {
    const state = new Uint8Array(randomBytes(stateBytes));
    await this.inside.insertEvents([{ originatorId, originatorVersion, topic: 'Counted', state }], {
      unit: { id: crypto.randomUUID() },
    });
  }

  async close(): Promise<void> {
    await this.#close();
  }

  /** What live queries over it hear. */
  get news(): ChangeNews {
    return this.#news;
  }

  #applied(position: number, own: boolean, commits: readonly JournalCommit[] | undefined): void {
    if (!this.isDead && this.frozen === undefined) {
      for (const listener of this.#listeners) listener();
      this.#news.noteChanged(commits === undefined ? ANY_CHANGES : changesOf(commits, tablesChanged));
    }
    if (own) for (const tab of this.#of.tabs) if (tab !== this) tab.inside.noteHead(position);
  }

  /** As across the boundary to a worker. */
  #recorder(): DurableRecorder {
    const recorder: object = new Proxy(Object.create(null) as object, {
      get: (_target, name: keyof DurableRecorder) => {
        const value = this.inside[name] as unknown;
        if (typeof value !== 'function') return value;
        return async (...given: never[]) => {
          if (this.isDead) throw new WorkerDiedError('The worker is gone.');
          await this.frozen;
          return await (value as (...given: never[]) => unknown).apply(this.inside, given);
        };
      },
    });
    return recorder as DurableRecorder;
  }
}

/** A store and a server that keep everything in memory, with a network between them that a test scripts. */
export class Scene {
  readonly clock = new ManualClock();
  /** What the server has for devices that begin with it. */
  readonly snapshots = new MemorySnapshotStore();
  readonly log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(7)] }, snapshots: this.snapshots });
  readonly requests: Request[] = [];
  /** What becomes of the next requests; when none is left, they are forwarded. */
  readonly script: Answer[] = [];
  offline = false;
  wake: () => void = () => undefined;
  freeze: (isFrozen: boolean) => void = () => undefined;
  /** The first tab of the first store. */
  tab!: SceneTab;
  readonly of: SceneStore;
  sync!: Sync;
  /** Every sync that was started, the last of which is `sync`. */
  readonly syncs: Sync[] = [];
  readonly #closing = new AbortController();
  /** What the server lets everybody see. */
  visibility: Visibility | true = true;
  readonly #server = createSyncServer({
    ...{ unitLog: this.log, tokens: ['secret'], closing: this.#closing.signal },
    authorizePull: () => this.visibility,
  });
  readonly #stores: SceneStore[] = [];

  private constructor(of: SceneStore) {
    this.of = of;
  }

  static async open(name: string = newOriginatorId(), of = new SceneStore(name)): Promise<Scene> {
    const scene = new Scene(of);
    scenes.push(scene);
    scene.tab = await scene.openTab();
    return scene;
  }

  async openTab(of: SceneStore = this.of): Promise<SceneTab> {
    if (!this.#stores.includes(of)) this.#stores.push(of);
    return await of.open();
  }

  /** The network. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    this.requests.push(request.clone());
    const answer = this.script.shift() ?? ((_request, forward) => forward());
    return answer(request, async () => this.#server.fetch(request));
  };

  /** A request of a tab here to the server of another scene, by the network of this one. */
  async through(other: Scene, request: Request): Promise<Response> {
    this.requests.push(request.clone());
    const answer = this.script.shift() ?? ((_request, forward) => forward());
    return answer(request, () => other.fetch(request));
  }

  /** Without a stream, unless a test is about one: so that the clock says when there is a request. */
  start(options: Partial<StartSyncOptions> = {}): this {
    this.sync = startSync({
      store: this.tab.store,
      url: 'http://books.test',
      getToken: () => 'secret',
      live: false,
      clock: this.clock,
      random: () => 0.999_999,
      fetch: this.fetch,
      wakeSources: {
        isOffline: () => this.offline,
        onWake: (listener) => {
          this.wake = listener;
          return () => undefined;
        },
        onFreeze: (listener) => {
          this.freeze = listener;
          return () => undefined;
        },
      },
      ...options,
    });
    this.syncs.push(this.sync);
    return this;
  }

  async count(units: number): Promise<void> {
    await this.tab.count(units);
  }

  /** The paths of the requests, without the version. */
  get paths(): string[] {
    return this.requests.map(({ url }) => new URL(url).pathname.replace('/v2/', ''));
  }

  /** The units of each push. */
  async sent(): Promise<UnitId[][]> {
    const pushes = this.requests.filter(({ url }) => url.endsWith('/push'));
    return await Promise.all(
      pushes.map(async (request) => unpackPendingUnits(await bytesOf(request)).map(({ id }) => id)),
    );
  }

  async until(condition: (status: SyncStatus) => boolean, sync = this.sync): Promise<SyncStatus> {
    await vi.waitUntil(() => condition(sync.status.value), WAIT);
    // What is shown is shown before there is a timer for what follows.
    await new Promise((resolve) => setImmediate(resolve));
    return sync.status.value;
  }

  /** Until nothing is left to do, of which this tab knows. */
  async settled(sync = this.sync): Promise<SyncStatus> {
    return await this.until(({ state, pending }) => state === 'live' && pending === 0, sync);
  }

  /** All that the server has. */
  async books(): Promise<readonly ConfirmedUnit[]> {
    return (await this.log.page(CURSOR_START, ALL))?.units ?? [];
  }

  /** The server has everything of the stores, once, and what it has of an aggregate is in the same order. */
  async expectBooksComplete(...tabs: readonly SceneTab[]): Promise<void> {
    const books = (await this.books()).flatMap(({ events }) => events.map((event) => describeEvent(event))).sort();
    expect(new Set(books).size).toBe(books.length);
    for (const { inside } of tabs.length === 0 ? [this.tab] : tabs) {
      const here = await inside.selectNotifications({ start: 1, limit: 1_000_000 });
      expect(here.map((event) => describeEvent(event)).sort()).toEqual(books);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.syncs.map((sync) => sync.close()));
    this.#closing.abort();
    for (const { tabs } of this.#stores) for (const tab of tabs) await tab.close();
  }
}

function describeEvent({
  originatorId,
  originatorVersion,
  state,
}: {
  readonly originatorId: string;
  readonly originatorVersion: number;
  readonly state: Uint8Array;
}): string {
  return `${originatorId} ${originatorVersion} ${Buffer.from(state).toString('base64')}`;
}

async function bytesOf(request: Request): Promise<Uint8Array> {
  const { body, headers } = request.clone();
  const isGzip = headers.get('content-encoding') === 'gzip';
  const bytes = isGzip ? body?.pipeThrough(new DecompressionStream('gzip')) : body;
  return new Uint8Array(await new Response(bytes).arrayBuffer());
}

const scenes: Scene[] = [];

/** Ends what the test began; for `afterEach`. */
export async function closeScenes(): Promise<void> {
  for (const scene of scenes.splice(0)) await scene.close();
}

/** Waits, and lets the clock go on meanwhile. */
export async function passing(scene: Scene, byMs: number, isOver: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(async () => {
    if (await isOver()) return true;
    scene.clock.advance(byMs);
    return false;
  }, WAIT);
}

/** What our server says, in a form that a test makes. */
export const ours = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers: { 'daybook-protocol': '2', ...headers } });
export const fails: Answer = () => Promise.reject(new TypeError('fetch failed'));
export const answerLost: Answer = async (_request, forward) => {
  await forward();
  throw new TypeError('fetch failed');
};
export const cutShort: Answer = async (_request, forward) => {
  const response = await forward();
  const bytes = new Uint8Array(await response.arrayBuffer());
  return new Response(bytes.slice(0, 10), response);
};
export const portal: Answer = () =>
  new Response('<html><body>Welcome to Airport WiFi</body></html>', { headers: { 'content-type': 'text/html' } });
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response('busy', { status: code, headers });
