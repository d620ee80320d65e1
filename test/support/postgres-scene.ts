/**
 * Devices with real stores, over real HTTP, and a server over PostgreSQL, with a network between them that a test spoils.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { expect, vi } from 'vitest';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { UnitId } from '../../src/persistence/unit.js';
import { listen } from '../../src/server/hosts/http-listener.js';
import type { HttpListener } from '../../src/server/hosts/http-listener.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type { SyncServer } from '../../src/server/sync-server.js';
import { Exchange } from '../../src/sync/exchange/exchange.js';
import { HeadStream } from '../../src/sync/exchange/head-stream.js';
import { HttpTransport } from '../../src/sync/exchange/http-transport.js';
import { ServerLine } from '../../src/sync/exchange/server-line.js';
import { systemClock } from '../../src/util/clock.js';
import { FaultProxy } from './http-faults.js';
import { openTab } from './own-tables-tab.js';
import type { OwnTablesTab } from './own-tables-tab.js';
import { PATIENTLY } from './patience.js';
import { openPostgres } from './postgres-fixture.js';
import { SharedJournal } from './shared-journal.js';
import { makePostgresLog } from './unit-log-fixture.js';
import type { PostgresLogFixture } from './unit-log-fixture.js';

/** A device of one tab, which exchanges. */
export class Device {
  tab!: OwnTablesTab;
  exchange!: Exchange;
  transport!: HttpTransport;
  readonly #journal: SharedJournal;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #patience: { readonly timeout: number; readonly interval: number } = PATIENTLY;

  constructor(journal: SharedJournal = new SharedJournal()) {
    this.#journal = journal;
  }

  /** Another one with the same store, as a copied profile has. */
  copied(): Device {
    const journal = new SharedJournal();
    journal.records.push(...this.#journal.records.map((record) => record?.slice()));
    return new Device(journal);
  }

  /**
   * @param options - `token`: none, where the server lets everybody in; `tenant`: none, where it has one log; `patienceMs`:
   *   of each wait, the usual one where nothing else is said
   */
  async start(
    url: string,
    isLive: boolean,
    {
      token,
      tenant,
      patienceMs,
    }: { readonly token?: string; readonly tenant?: string; readonly patienceMs?: number } = {},
  ): Promise<this> {
    if (patienceMs !== undefined) this.#patience = { ...PATIENTLY, timeout: patienceMs };
    this.tab = await openTab(this.#journal);
    const { recorder } = this.tab;
    const fetch = globalThis.fetch;
    const getToken = (): string | undefined => token;
    const identity = { replicaId: crypto.randomUUID(), tenant };
    const transport = new HttpTransport({ url, ...identity, getToken, fetch, clock: systemClock });
    this.transport = transport;
    const common = { clock: systemClock, random: Math.random };
    this.exchange = new Exchange({ ...common, recorder, transport, direction: 'both', isOffline: () => false });
    const server = new ServerLine(transport, systemClock);
    const line = new HeadStream({
      ...common,
      open: (signal) => server.open(signal),
      onHead: (head) => this.exchange.noteNews(head),
      onPage: (page) => this.exchange.notePage(page),
      onLive: (live) => this.exchange.setLive(live),
    });
    const { signal } = this.#stop;
    this.#running = Promise.all([this.#turnAfterTurn(signal), isLive ? line.run(signal) : undefined]);
    return this;
  }

  /** Counts a shelf: the next version of it, as far as this device knows. */
  async count(originatorId: string): Promise<UnitId> {
    return await this.#next(originatorId, 'stock:Counted', false);
  }

  /** Receives something on a shelf, which commutes. */
  async receive(originatorId: string): Promise<UnitId> {
    return await this.#next(originatorId, 'stock:Received', true);
  }

  async #next(originatorId: string, topic: string, isCommutative: boolean): Promise<UnitId> {
    const [last] = await this.tab.recorder.selectEvents(originatorId, { desc: true, limit: 1 });
    const id = crypto.randomUUID();
    const state = new TextEncoder().encode(JSON.stringify({ id }));
    const originatorVersion = (last?.originatorVersion ?? 0) + 1;
    return await this.record([{ originatorId, originatorVersion, topic, state }], id, isCommutative);
  }

  /** Records a unit. */
  async record(
    events: readonly StoredEvent[],
    id: UnitId = crypto.randomUUID(),
    isCommutative: boolean = false,
  ): Promise<UnitId> {
    await this.tab.recorder.insertEvents(events, { unit: { id, isCommutative } });
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
    await vi.waitUntil(condition, this.#patience);
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
export class PostgresScene implements AsyncDisposable {
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly devices: Device[] = [];
  fixture!: PostgresLogFixture;
  proxy!: FaultProxy;
  url = '';
  /** Of PostgreSQL. */
  pgUrl = '';
  readonly #keys = [new Uint8Array(randomBytes(32))];
  #closing!: AbortSignal;
  #server!: SyncServer;

  async open(): Promise<this> {
    const postgres = await openPostgres();
    this.#closers.push(() => postgres.close());
    this.pgUrl = postgres.url;
    this.fixture = await makePostgresLog(postgres.pool);
    const closing = new AbortController();
    this.#closing = closing.signal;
    this.#server = this.#over(this.fixture);
    const fetch: SyncServer['fetch'] = async (request) => await this.#server.fetch(request);
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

  /** At the same address there is another server from now on, with an empty log; it has the same keys. */
  async exchange(): Promise<void> {
    this.fixture = await makePostgresLog(this.fixture.pool);
    this.#server = this.#over(this.fixture);
  }

  #over(fixture: PostgresLogFixture): SyncServer {
    const unitLog = fixture.open({ seals: { keys: this.#keys } });
    return createSyncServer({ unitLog, allowAnonymous: true, closing: this.#closing });
  }

  async device({ isLive = false, url = this.url, store = new Device() } = {}): Promise<Device> {
    const device = await store.start(url, isLive);
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
