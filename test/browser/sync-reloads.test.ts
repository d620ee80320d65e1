/** A store that is opened, begins to send, and is killed before the answer, again and again: real IndexedDB, real workers. */
import { openDaybook } from 'daybook';
import { startSync } from 'daybook/sync';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { expect, test } from 'vitest';
import { packPage, unpackPendingUnits } from '../../src/persistence/unit-batch.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { toPushAnswer } from '../../src/sync/protocol/exchange-messages.js';
import { newStoreName, withWorkers } from './open-store.js';

// 200 of them were tried once; in Node there are as many each time (`sync/exchange/orders-of-arrival.test.ts`).
const RELOADS = 40;
const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const HEADERS = { 'daybook-protocol': '2' };
const PATIENTLY = { timeout: 20_000, interval: 1 };

/** A server of one log, which a test may have swallow what it says, and hear nothing. */
class Server {
  readonly log = new MemoryUnitLog();
  /** What becomes of the next pushes: they do not arrive, or their answers do not. */
  fate: 'none' | 'lost' | 'unanswered' = 'none';
  pushes = 0;

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const bytes = init?.body as Uint8Array<ArrayBuffer>;
    if ((input as string).endsWith('/push')) return await this.#push(bytes);
    const { after } = JSON.parse(new TextDecoder().decode(bytes)) as { after: string };
    const page = await this.log.page(after, { eventsMax: 500, bytesMax: 1e6 });
    return new Response(packPage(page!), { headers: HEADERS });
  };

  async #push(bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
    const never = new Promise<never>(() => undefined);
    const { fate } = this;
    const outcome = fate === 'lost' ? undefined : await this.log.push(unpackPendingUnits(bytes), SENDER);
    this.pushes++;
    return outcome === undefined || fate === 'unanswered'
      ? await never
      : Response.json(toPushAnswer(outcome), { headers: HEADERS });
  }
}

test(`${RELOADS} reloads between the reading of what waits and its answer: nothing is sent twice into the books, and nothing is gone`, async () => {
  const name = newStoreName();
  const server = new Server();
  const sync = { url: 'https://log.example', live: false, fetch: server.fetch } as const;
  const recorded: string[] = [];
  for (let reload = 0; reload < RELOADS; reload++) {
    await withWorkers(async (workers) => {
      const store = await openDaybook({ name });
      if (reload % 8 === 0) {
        const id = crypto.randomUUID();
        await store.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id } });
        recorded.push(id);
      }
      server.fate = reload % 3 === 0 ? 'unanswered' : 'lost';
      const before = server.pushes;
      const running = startSync({ store, ...sync });
      await expect.poll(() => server.pushes, PATIENTLY).toBeGreaterThan(before);
      for (const worker of workers) worker.terminate();
      await running.close();
      await store.close().catch(() => undefined);
    });
  }
  server.fate = 'none';
  await using store = await openDaybook({ name });
  await using running = startSync({ store, ...sync });
  await expect.poll(() => running.status.value, PATIENTLY).toMatchObject({ state: 'live', pending: 0, position: 5 });
  const page = await server.log.page('0', { eventsMax: 500, bytesMax: 1e6 });
  expect(page?.units.map(({ id }) => id)).toEqual(recorded);
  expect(await store.recorder.maxNotificationId()).toBe(recorded.length);
  expect(await store.recorder.syncProgress()).toMatchObject({ pendingUnits: 0, setAsideUnits: 0, lostUnits: 0 });
}, 300_000);
