/** Devices with real stores, over real HTTP, and PostgreSQL: all that lies between two people who count the same shelf. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { listen } from '../../../src/server/hosts/http-listener.js';
import type { HttpListener } from '../../../src/server/hosts/http-listener.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { Exchange } from '../../../src/sync/exchange/exchange.js';
import { HeadStream } from '../../../src/sync/exchange/head-stream.js';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import { systemClock } from '../../../src/util/clock.js';
import { FaultProxy } from '../../support/http-faults.js';
import type { Fault } from '../../support/http-faults.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { PATIENTLY } from '../../support/patience.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../../support/unit-log-fixture.js';

const SHELF = crypto.randomUUID();

class Device {
  tab!: OwnTablesTab;
  exchange!: Exchange;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  async start(url: string, isLive: boolean): Promise<this> {
    this.tab = await openTab(new SharedJournal());
    const { recorder } = this.tab;
    const fetch = globalThis.fetch;
    const transport = new HttpTransport({ url, replicaId: crypto.randomUUID(), fetch, clock: systemClock });
    const common = { clock: systemClock, random: Math.random };
    this.exchange = new Exchange({ ...common, recorder, transport, direction: 'both', isOffline: () => false });
    const line = new HeadStream({
      ...common,
      open: (signal) => transport.live(signal),
      onHead: (head) => this.exchange.noteNews(head),
      onLive: (live) => this.exchange.setLive(live),
    });
    const { signal } = this.#stop;
    this.#running = Promise.all([this.#turnAfterTurn(signal), isLive ? line.run(signal) : undefined]);
    return this;
  }

  /** Counts a shelf: the next version of it, as far as this device knows. */
  async count(originatorId: string): Promise<UnitId> {
    const [last] = await this.tab.recorder.selectEvents(originatorId, { desc: true, limit: 1 });
    const id = crypto.randomUUID();
    const state = new TextEncoder().encode(JSON.stringify({ id }));
    const event = {
      originatorId,
      originatorVersion: (last?.originatorVersion ?? 0) + 1,
      topic: 'stock:Counted',
      state,
    };
    await this.tab.recorder.insertEvents([event], { unit: { id } });
    this.exchange.noteCommit();
    return id;
  }

  async events(): Promise<readonly StoredEvent[]> {
    const all = await this.tab.recorder.selectNotifications({ start: 1, limit: 100_000 });
    return all.map(({ originatorId, originatorVersion, topic, state }) => ({
      originatorId,
      originatorVersion,
      topic,
      state,
    }));
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await vi.waitUntil(condition, PATIENTLY);
  }

  /** Until nothing is left to do, also of what others have recorded up to now. */
  async settled(): Promise<void> {
    const { exchange } = this;
    const before = exchange.status.value.lastSuccessAtMs ?? 0;
    // Time passes by the millisecond.
    await this.until(() => Date.now() > before + 1);
    exchange.attemptNow();
    await this.until(() => {
      const { state, pending, lastSuccessAtMs = 0 } = exchange.status.value;
      if (state === 'waiting') exchange.attemptNow();
      return state === 'live' && pending === 0 && lastSuccessAtMs > before;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.tab.recorder.close();
    this.tab.database.close();
  }

  async #turnAfterTurn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.exchange.run(signal);
  }
}

/** A server over PostgreSQL, and devices that follow it. */
class Scene implements AsyncDisposable {
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly devices: Device[] = [];
  fixture!: PostgresLogFixture;
  proxy!: FaultProxy;
  url = '';

  async open(): Promise<this> {
    const postgres = await openPostgres();
    this.#closers.push(() => postgres.close());
    this.fixture = await makePostgresLog(postgres.pool);
    const unitLog = this.fixture.open({ seals: { keys: [new Uint8Array(randomBytes(32))] } });
    const closing = new AbortController();
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, closing: closing.signal });
    const listener: HttpListener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
    this.url = listener.url;
    this.proxy = new FaultProxy(listener.url);
    const proxyUrl = await this.proxy.start();
    this.#closers.push(
      () => listener.close(0),
      () => this.proxy.close(),
      async () => closing.abort(),
    );
    this.proxyUrl = proxyUrl;
    return this;
  }

  proxyUrl = '';

  async device({ isLive = false, url = this.url } = {}): Promise<Device> {
    const device = await new Device().start(url, isLive);
    this.devices.push(device);
    return device;
  }

  /** What PostgreSQL has, as a Python application reads it. */
  async books(): Promise<readonly StoredEvent[]> {
    const all = await this.fixture.recorder.selectNotifications({ start: 1, limit: 100_000 });
    return all.map(({ originatorId, originatorVersion, topic, state }) => ({
      originatorId,
      originatorVersion,
      topic,
      state,
    }));
  }

  async expectAgreement(): Promise<void> {
    const inOrder = (events: readonly StoredEvent[]): readonly StoredEvent[] =>
      [...events].sort(
        (a, b) => a.originatorId.localeCompare(b.originatorId) || a.originatorVersion - b.originatorVersion,
      );
    const books = inOrder(await this.books());
    for (const device of this.devices) expect(inOrder(await device.events())).toEqual(books);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.devices.map((device) => device.close()));
    for (const close of this.#closers.reverse()) await close();
  }
}

describe('devices, a server, and PostgreSQL', () => {
  it('what one records the other has a moment later, without asking', async () => {
    await using scene = await new Scene().open();
    const [one, two] = [await scene.device({ isLive: true }), await scene.device({ isLive: true })];
    await Promise.all([one.settled(), two.settled()]);
    const asked = vi.spyOn(two.exchange, 'attemptNow');
    const id = await one.count(SHELF);
    await two.until(async () => (await two.events()).some(({ state }) => new TextDecoder().decode(state).includes(id)));
    expect(asked).not.toHaveBeenCalled();
    await one.settled();
    await scene.expectAgreement();
  });

  it('what a program inserts beside the server reaches them, and what they record reaches it', async () => {
    await using scene = await new Scene().open();
    const device = await scene.device({ isLive: true });
    await device.settled();
    const state = new TextEncoder().encode('{"from":"python"}');
    await scene.fixture.insertBeside([{ originatorId: SHELF, originatorVersion: 1, topic: 'stock:Counted', state }]);
    await device.until(async () => (await device.events()).length === 1);
    await device.count(SHELF);
    await device.settled();
    expect((await scene.books()).map(({ originatorVersion }) => originatorVersion)).toEqual([1, 2]);
    await scene.expectAgreement();
  });

  it('two who counted one shelf offline: one is in the books, the other is told, and nobody is stopped', async () => {
    await using scene = await new Scene().open();
    const [one, two] = [await scene.device(), await scene.device()];
    await Promise.all([one.settled(), two.settled()]);
    one.exchange.setPaused(true);
    two.exchange.setPaused(true);
    const other = crypto.randomUUID();
    await one.count(SHELF);
    const late = await two.count(SHELF);
    const unrelated = await two.count(other);
    one.exchange.setPaused(false);
    await one.settled();
    two.exchange.setPaused(false);
    await two.settled();
    await one.settled();
    await scene.expectAgreement();
    const aside = await two.tab.recorder.selectSetAside(0, { eventsMax: 100, bytesMax: 1e6 });
    expect(aside.map(({ id, reason }) => [id, reason.code])).toEqual([[late, 'CONFLICT']]);
    const texts = (await scene.books()).map(({ state }) => new TextDecoder().decode(state));
    expect(texts.some((text) => text.includes(unrelated))).toBe(true);
  });

  it('a network that loses, cuts, repeats and pretends: each event is there once', async () => {
    await using scene = await new Scene().open();
    const devices = [await scene.device({ url: scene.proxyUrl }), await scene.device({ url: scene.proxyUrl })];
    const faults: Fault[] = ['lost', 'answer lost', 'twice', 'answer cut', 'portal', 'answer broken', 'bad gateway'];
    for (let round = 0; round < 4; round++) {
      scene.proxy.script.push(...faults);
      for (const device of devices) for (let unit = 0; unit < 5; unit++) await device.count(crypto.randomUUID());
      for (const device of devices) device.exchange.attemptNow();
    }
    for (const device of [...devices, ...devices]) await device.settled();
    await scene.expectAgreement();
    const books = await scene.books();
    expect(books).toHaveLength(40);
    expect(new Set(books.map(({ originatorId }) => originatorId)).size).toBe(40);
  });

  it('a server that was restored gets back from its devices what it had lost', async () => {
    await using scene = await new Scene().open();
    const [one, two] = [await scene.device(), await scene.device()];
    for (let unit = 0; unit < 3; unit++) await one.count(SHELF);
    await one.settled();
    await two.settled();
    const restore = await scene.fixture.backup();
    await two.count(SHELF);
    await two.settled();
    await one.settled();
    for (let unit = 0; unit < 3; unit++) await one.count(crypto.randomUUID());
    await one.settled();
    await restore();
    expect(await scene.books()).toHaveLength(3);
    for (const device of [two, one, two]) await device.settled();
    expect(await scene.books()).toHaveLength(7);
    await scene.expectAgreement();
    for (const device of scene.devices) expect((await device.tab.recorder.syncProgress()).setAsideUnits).toBe(0);
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});
