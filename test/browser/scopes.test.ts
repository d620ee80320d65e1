/** A store in a browser whose scopes change, and a server: what was revoked leaves it within one sync, and comes back. */
import type { Daybook } from 'daybook';
import { createSyncServer, MemoryUnitLog } from 'daybook/server';
import type { Visibility } from 'daybook/server';
import { startSync } from 'daybook/sync';
import type { Sync } from 'daybook/sync';
import { newOriginatorId } from 'daybook/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newStoreName, openStore } from './open-store.js';

const PATIENTLY = { timeout: 20_000, interval: 10 };
const ALL = { eventsMax: 1_000, bytesMax: 1_000_000 };

/** A server that lets everybody see what is said at the time. */
class Server {
  visibility: Visibility | true = true;
  readonly log = new MemoryUnitLog();
  readonly #server = createSyncServer({
    unitLog: this.log,
    allowAnonymous: true,
    authorizePull: () => this.visibility,
  });

  readonly fetch: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    // Firefox has none of a request, and servers do.
    Object.defineProperty(request, 'body', { value: new Response(init?.body).body });
    return this.#server.fetch(request);
  };

  show(...seen: readonly string[]): void {
    this.visibility = {
      id: `only-${seen.length}`,
      isVisible: ({ events }, index) => seen.includes(events[index]?.originatorId ?? ''),
    };
  }

  start(store: Daybook): Sync {
    const sync = startSync({ store, url: 'https://log.example', live: false, fetch: this.fetch });
    onTestFinished(() => sync.close());
    return sync;
  }
}

async function settled(sync: Sync): Promise<void> {
  const before = sync.status.value.lastSuccessAtMs ?? 0;
  // Time passes by the millisecond.
  await vi.waitUntil(() => Date.now() > before + 1, PATIENTLY);
  sync.syncNow();
  await vi.waitUntil(() => {
    const { state, pending, lastSuccessAtMs = 0 } = sync.status.value;
    return state === 'live' && pending === 0 && lastSuccessAtMs > before;
  }, PATIENTLY);
}

async function record({ recorder }: Daybook, originatorId: string, originatorVersion: number): Promise<void> {
  await recorder.insertEvents([{ originatorId, originatorVersion, topic: 'Counted', state: new Uint8Array([1]) }]);
}

async function versions(store: Daybook, originatorId: string): Promise<number[]> {
  return (await store.recorder.selectEvents(originatorId)).map(({ originatorVersion }) => originatorVersion);
}

test('what is revoked leaves within one sync, in every tab and for good; what is pending of it is kept, and sent when it is granted again', async () => {
  const server = new Server();
  const name = newStoreName();
  const tabs = [await openStore(name), await openStore(name)] as const;
  const [store, other] = tabs;
  const [north, south] = [newOriginatorId(), newOriginatorId()];
  for (const id of [north, south]) await record(store, id, 1);
  const sync = server.start(store);
  await settled(sync);

  sync.pause();
  server.show(north);
  await record(store, south, 2);
  await record(store, north, 2);
  sync.resume();
  await settled(sync);
  for (const tab of tabs) {
    await expect.poll(() => versions(tab, south)).toEqual([]);
    expect(await versions(tab, north)).toEqual([1, 2]);
  }
  expect(sync.status.value).toMatchObject({ pending: 0, setAside: 1 });
  expect(await store.storage.report()).toMatchObject({ unsyncedEvents: 0, setAsideUnits: 1 });
  const [aside] = await other.recorder.selectSetAside(0, ALL);
  expect(aside).toMatchObject({ reason: { code: 'OUT_OF_SCOPE' }, events: [{ originatorId: south }] });

  // What the journal says to who opens the store anew.
  await sync.close();
  for (const tab of tabs) await tab.close();
  const reopened = await openStore(name);
  expect([await versions(reopened, north), await versions(reopened, south)]).toEqual([[1, 2], []]);

  server.visibility = true;
  const again = server.start(reopened);
  await settled(again);
  await vi.waitUntil(() => again.status.value.setAside === 0, PATIENTLY);
  await settled(again);
  expect([await versions(reopened, north), await versions(reopened, south)]).toEqual([[1, 2], [1, 2]]); // prettier-ignore
  expect(await server.log.head()).toBe(4);
});
