/** What others have recorded, brought by the sync of one tab: as of a commit, for whoever follows in any tab. */
import type { Daybook, UnitPage } from 'daybook';
import { ProjectionRunner, SqlProjectionStore } from 'daybook/application';
import { startSync } from 'daybook/sync';
import type { Sync } from 'daybook/sync';
import { CountingWorld, newOriginatorId } from 'daybook/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { packPage } from '../../src/persistence/unit-batch.js';
import { newStoreName, openStore } from './open-store.js';

const PATIENTLY = { timeout: 20_000, interval: 10 };

/** A server that has one log, of what another store holds; each of its events is a unit. */
class LogOf {
  readonly #store: Daybook;

  constructor(store: Daybook) {
    this.#store = store;
  }

  readonly fetch: typeof globalThis.fetch = async (_input, init) => {
    const { after } = JSON.parse(new TextDecoder().decode(init?.body as Uint8Array)) as { after: string };
    const body = packPage(await this.#pageAfter(Number(after)));
    return new Response(body, { headers: { 'daybook-protocol': '2' } });
  };

  async #pageAfter(position: number): Promise<UnitPage> {
    const events = await this.#store.recorder.selectNotifications({ start: position + 1, limit: 2 });
    const head = await this.#store.recorder.maxNotificationId();
    const last = events.at(-1)?.id ?? position;
    const units = events.map(({ id, ...event }) => ({
      ...{ id: crypto.randomUUID(), isCommutative: false, scopes: [], position: id, total: 1, events: [event] },
      origin: { author: 'somebody', recordedAtMs: 1_700_000_000_000, seal: new Uint8Array() },
    }));
    return { from: String(position), to: String(last), position: last, head, units };
  }
}

function start(store: Daybook, { fetch }: LogOf): Sync {
  const sync = startSync({ store, url: 'https://log.example', direction: 'pull', live: false, fetch });
  onTestFinished(() => sync.close());
  return sync;
}

test('listeners, subscriptions, projections and queries of every tab have it, each event once', async () => {
  const other = await openStore(newStoreName());
  const world = new CountingWorld(other.recorder);
  const thing = newOriginatorId();
  await world.find(thing, 1, 2, 3, 4, 5);
  const name = newStoreName();
  const tabs = [await openStore(name), await openStore(name)];
  const heard = tabs.map((tab) => {
    const listener = vi.fn();
    tab.onRecorded(listener);
    return listener;
  });
  const subscriptions = tabs.map(async (tab) => {
    const ids: number[] = [];
    for await (const { id } of tab.subscribe()) if (ids.push(id) === 6) break;
    return ids;
  });
  const projection = world.sums();
  const runners = tabs.map(
    (tab) =>
      new ProjectionRunner({
        projection,
        store: new SqlProjectionStore(tab.recorder, projection),
        log: { ...world.quietLog, recorder: tab.recorder, onRecorded: (listener) => tab.onRecorded(listener) },
      }),
  );
  for (const runner of runners) await runner.start();
  onTestFinished(async () => {
    for (const runner of runners) await runner.close();
  });

  const log = new LogOf(other);
  const syncs = tabs.map((tab) => start(tab, log));
  await vi.waitUntil(() => syncs.every(({ status }) => status.value.position === 5), PATIENTLY);
  for (const [index, tab] of tabs.entries()) {
    await vi.waitUntil(async () => (await world.readSums(tab.recorder))[thing]?.[1] === 5, PATIENTLY);
    expect(await world.readSums(tab.recorder)).toEqual({ [thing]: [15, 5] });
    const { rows } = await tab.query('SELECT count(*) AS events FROM stored_events');
    expect(rows).toEqual([{ events: 5 }]);
    expect(heard[index]).toHaveBeenCalled();
    expect(syncs[index]?.status.value).toMatchObject({ state: 'live', pending: 0 });
  }
  // What is recorded here comes after it, and waits: in each tab.
  await tabs[1]?.recorder.insertEvents([
    { originatorId: newOriginatorId(), originatorVersion: 1, topic: 'Counted', state: new Uint8Array() },
  ]);
  await vi.waitUntil(() => syncs.every(({ status }) => status.value.pending === 1), PATIENTLY);
  for (const ids of await Promise.all(subscriptions)) expect(ids).toEqual([1, 2, 3, 4, 5, 6]);
});
