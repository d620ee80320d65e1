/** Two devices, one of them with two tabs, that receive on one shelf while they are offline: the server's own code in the page. */
import type { Daybook } from 'daybook';
import { Application, command, defineDecider, event } from 'daybook/application';
import { createSyncServer, MemoryUnitLog } from 'daybook/server';
import type { SyncServer } from 'daybook/server';
import { startSync } from 'daybook/sync';
import type { Sync } from 'daybook/sync';
import { newOriginatorId } from 'daybook/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newStoreName, openStore } from './open-store.js';

const PATIENTLY = { timeout: 20_000, interval: 10 };

const shelf = defineDecider({
  name: 'Shelf',
  events: { Received: event<{ quantity: number }>({ isCommutative: true }), Counted: event<{ quantity: number }>() },
  commands: { Receive: command<{ quantity: number }>(), Count: command<{ quantity: number }>() },
  initialState: () => 0,
  decide: {
    Receive: ({ data }) => ({ type: 'Received', data }),
    Count: ({ data }) => ({ type: 'Counted', data }),
  },
  evolve: {
    Received: (state, { data }) => state + data.quantity,
    Counted: (_state, { data }) => data.quantity,
  },
});

/** The way of one device to a server. */
class Network {
  isOnline = true;
  readonly #server: SyncServer;

  constructor(server: SyncServer = createSyncServer({ unitLog: new MemoryUnitLog(), allowAnonymous: true })) {
    this.#server = server;
  }

  /** Another way to the same server. */
  another(): Network {
    return new Network(this.#server);
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    if (!this.isOnline) throw new TypeError('offline');
    const request = new Request(input, init);
    // Firefox gives no body of a request as a stream.
    if ((request.body as ReadableStream | null | undefined) === undefined) {
      Object.defineProperty(request, 'body', { value: new Response(init?.body).body });
    }
    return await this.#server.fetch(request);
  };
}

class Tab {
  readonly store: Daybook;
  readonly app: Application;
  readonly sync: Sync;

  constructor(store: Daybook, { fetch }: Network) {
    this.store = store;
    this.app = new Application({ recorder: store.recorder, aggregates: [shelf], cache: {} });
    this.sync = startSync({ store, url: 'https://log.example', live: false, fetch });
    onTestFinished(() => this.sync.close());
  }

  async receive(id: string, quantity: number): Promise<void> {
    // Another tab's commit is heard of a moment later.
    await this.app.execute(shelf, id, { type: 'Receive', data: { quantity } }, { retry: { attemptsMax: 20 } });
  }

  async quantity(id: string): Promise<number> {
    return (await this.app.repository.loadOrCreate(shelf, id)).state;
  }
}

async function openTab(name: string, network: Network): Promise<Tab> {
  return new Tab(await openStore(name), network);
}

test('what two devices received on one shelf while they were offline is all there, once, in every tab', async () => {
  const [network, id] = [new Network(), newOriginatorId()];
  const [here, there] = [newStoreName(), newStoreName()];
  const tabs = [await openTab(here, network), await openTab(here, network), await openTab(there, network)];
  const [one, beside, other] = tabs as [Tab, Tab, Tab];
  const seen = tabs.map(({ app }) => {
    const quantities: number[] = [];
    const subscription = app.subscribe({ aggregates: [shelf] });
    void (async () => {
      for await (const { data } of subscription) quantities.push(data.quantity);
    })();
    onTestFinished(async () => {
      await subscription.return();
    });
    return quantities;
  });
  const settled = async (quantity: number): Promise<void> => {
    await vi.waitUntil(async () => {
      for (const { sync } of tabs) sync.syncNow();
      const have = await Promise.all(tabs.map((tab) => tab.quantity(id)));
      const isSent = tabs.every(({ sync }) => sync.status.value.pending === 0);
      return isSent && have.every((has) => has === quantity);
    }, PATIENTLY);
  };
  await one.receive(id, 1);
  await settled(1);

  network.isOnline = false;
  await one.receive(id, 20);
  await beside.receive(id, 300);
  await other.receive(id, 4_000);
  await other.receive(id, 50_000);
  expect(await Promise.all(tabs.map((tab) => tab.quantity(id)))).toEqual([321, 321, 54_001]);

  network.isOnline = true;
  await settled(54_321);
  for (const { sync, store } of tabs) {
    expect(sync.status.value.setAside).toBe(0);
    expect(await store.recorder.maxNotificationId()).toBe(5);
  }
  await vi.waitUntil(() => seen.every((quantities) => quantities.length === 5), PATIENTLY);
  for (const quantities of seen) expect(quantities.toSorted((a, b) => a - b)).toEqual([1, 20, 300, 4_000, 50_000]);
  const rows = await Promise.all(tabs.map(({ store }) => store.recorder.selectEvents(id)));
  expect(rows[1]).toEqual(rows[0]);
  expect(rows[2]).toEqual(rows[0]);
});

test('behind a count that another device was first with, what was received stays, though it is at the same version', async () => {
  const [network, id] = [new Network(), newOriginatorId()];
  const late = network.another();
  const [one, other] = [await openTab(newStoreName(), network), await openTab(newStoreName(), late)];
  const until = async (condition: () => Promise<boolean>): Promise<void> => {
    await vi.waitUntil(async () => {
      for (const { sync } of [one, other]) sync.syncNow();
      return await condition();
    }, PATIENTLY);
  };
  await one.receive(id, 1);
  await until(async () => (await other.quantity(id)) === 1);
  late.isOnline = false;
  await other.app.execute(shelf, id, { type: 'Count', data: { quantity: 100 } });
  await other.receive(id, 7);
  expect(await other.quantity(id)).toBe(107);
  const { notificationIds } = await one.app.execute(shelf, id, { type: 'Count', data: { quantity: 50 } });
  await one.sync.receipt(notificationIds[0] as number).confirmed();

  late.isOnline = true;
  await until(async () => (await one.quantity(id)) === 57 && (await other.quantity(id)) === 57);
  // Its last event is where it was; what is before it is not, nor what the cache had made of that.
  await until(async () => other.sync.status.value.pending === 0);
  expect(await other.quantity(id)).toBe(57);
  expect([one, other].map(({ sync }) => sync.status.value.setAside)).toEqual([0, 1]);
});
