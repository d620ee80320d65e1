/** What follows the log of an object, by its alarm: whatever is killed, and whenever. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { newName } from '../support/object-context.js';
import { worldOf } from '../support/stock-object.js';
import type { Step, StockObject, World } from '../support/stock-object.js';

const PATIENTLY = { timeout: 20_000, interval: 50 };

interface Stock {
  readonly stub: DurableObjectStub<StockObject>;
  readonly world: World;
  readonly item: string;
}

function newStock(): Stock {
  const name = `stock ${newName()}`;
  return {
    // A stub of one that was killed is of no use any more.
    get stub() {
      return env.STOCK.getByName(name);
    },
    world: worldOf(name),
    item: newOriginatorId(),
  };
}

async function receive({ stub, item }: Stock, times: number = 1): Promise<void> {
  await runInDurableObject(stub, async (object) => {
    const { app } = await object.daybook;
    await app.execute(stockItem, item, { type: 'Receive', data: { quantity: 1, times } });
  });
}

/** What the view says, what is still to be published, and whether there is an alarm. */
async function state({ stub }: Stock): Promise<{ received: number; pending: number; alarm: number | null }> {
  return await runInDurableObject(stub, async (object, { storage }) => {
    const { recorder, outbox } = await object.daybook;
    const view = await recorder.query(
      `SELECT count(*) AS n FROM sqlite_schema WHERE name = 'levels' AND type IN ('table', 'view')`,
    );
    const { rows } =
      view.rows[0]?.['n'] === 0 ? { rows: [] } : await recorder.query('SELECT sum(received) AS n FROM levels');
    const { pending } = await outbox.counts();
    return { received: Number(rows[0]?.['n'] ?? 0), pending, alarm: await storage.getAlarm() };
  });
}

/** The ids of the events in their order. */
async function recorded({ stub }: Stock): Promise<readonly string[]> {
  return await runInDurableObject(stub, (_object, { storage }) => {
    const rows = storage.sql.exec<{ event_id: string }>('SELECT event_id FROM event_outbox ORDER BY position');
    return rows.toArray().map((row) => row.event_id);
  });
}

interface JobRow extends Record<string, SqlStorageValue> {
  readonly name: string;
  readonly due_at_ms: number | null;
  readonly failures: number;
}

async function jobs({ stub }: Stock): Promise<Readonly<Record<string, { failures: number; isDue: boolean }>>> {
  return await runInDurableObject(stub, (_object, { storage }) => {
    const rows = storage.sql.exec<JobRow>('SELECT name, due_at_ms, failures FROM daybook_jobs ORDER BY name').toArray();
    return Object.fromEntries(rows.map((row) => [row.name, { failures: row.failures, isDue: row.due_at_ms !== null }]));
  });
}

test('what is recorded is in the view and published by the alarm, and then there is none', async () => {
  const stock = newStock();
  await receive(stock, 3);
  await vi.waitFor(async () => expect(await state(stock)).toEqual({ received: 3, pending: 0, alarm: null }), PATIENTLY);
  expect(stock.world.published).toHaveLength(3);
  expect(stock.world.failures).toEqual([]);
});

test('the alarm is set with what is recorded, and goes with what is refused', async () => {
  const stock = newStock();
  await vi.waitFor(async () => expect((await state(stock)).alarm).toBeNull(), PATIENTLY);
  await runInDurableObject(stock.stub, async (object, { storage }) => {
    const { app, recorder } = await object.daybook;
    const refused = recorder.transaction(async (transaction) => {
      await transaction.insertEvents([
        { originatorId: stock.item, originatorVersion: 1, topic: 'a:B', state: new Uint8Array() },
      ]);
      expect(await storage.getAlarm()).not.toBeNull();
      throw new Error('refused');
    });
    await expect(refused).rejects.toThrow('refused');
    expect(await storage.getAlarm()).toBeNull();
    const receiving = app.execute(stockItem, stock.item, { type: 'Receive', data: { quantity: 1 } });
    await receiving;
    expect(await storage.getAlarm()).not.toBeNull();
  });
});

test('settle does in the caller’s own time what the alarm would', async () => {
  const stock = newStock();
  const received = await runInDurableObject(stock.stub, async (object) => {
    const { app, recorder } = await object.daybook;
    await app.execute(stockItem, stock.item, { type: 'Receive', data: { quantity: 1, times: 5 } });
    await object.settle();
    return (await recorder.query('SELECT received AS n FROM levels')).rows;
  });
  expect(received).toEqual([{ n: 5 }]);
  expect(stock.world.published).toHaveLength(5);
});

test('an object that has nothing to do holds no timer, and may go', async () => {
  const stock = newStock();
  const timers = new Set<unknown>();
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout];
  vi.stubGlobal('setTimeout', (callback: () => void, ms?: number) => {
    const timer = set(() => {
      timers.delete(timer);
      callback();
    }, ms);
    timers.add(timer);
    return timer;
  });
  vi.stubGlobal('clearTimeout', (timer: number) => {
    timers.delete(timer);
    clear(timer);
  });
  try {
    await receive(stock, 2);
    await runInDurableObject(stock.stub, (object) => object.settle());
    expect(await runInDurableObject(stock.stub, () => timers.size)).toBe(0);
  } finally {
    vi.unstubAllGlobals();
  }
  await evictDurableObject(stock.stub);
  expect(await state(stock)).toMatchObject({ received: 2, pending: 0 });
});

describe.concurrent('an object that is killed', () => {
  const STEPS: readonly Step[] = ['in the projection', 'after the projection', 'before publishing', 'after publishing'];

  test.each(STEPS)(
    '%s: each event is in the view exactly once, and published at least once, in order',
    async (step) => {
      const stock = newStock();
      await receive(stock);
      await vi.waitFor(async () => expect((await state(stock)).pending).toBe(0), PATIENTLY);
      stock.world.killAt = step;
      // The request may be killed with it, as a caller's may.
      await receive(stock, 3).catch(() => undefined);
      await vi.waitFor(() => expect(stock.world.killAt).toBeUndefined(), PATIENTLY);
      await vi.waitFor(
        async () => expect(await state(stock)).toEqual({ received: 4, pending: 0, alarm: null }),
        PATIENTLY,
      );
      expect([...new Set(stock.world.published)]).toEqual(await recorded(stock));
      expect(new Set(stock.world.published).size).toBe(4);
      const isTwice = step === 'after publishing';
      expect(stock.world.published.length).toBe(isTwice ? 5 : 4);
    },
  );
});

test('killed when it has recorded and nothing is answered, an object has both the event and what follows, or neither', async () => {
  const stock = newStock();
  await receive(stock);
  const answered = runInDurableObject(stock.stub, async (object, context) => {
    const { app } = await object.daybook;
    await app.execute(stockItem, stock.item, { type: 'Receive', data: { quantity: 1, times: 3 } });
    context.abort('killed after recording');
  });
  await expect(answered).rejects.toThrow('killed after recording');
  await vi.waitFor(async () => {
    const events = await recorded(stock);
    expect(await state(stock)).toEqual({ received: events.length, pending: 0, alarm: null });
    expect([...new Set(stock.world.published)]).toEqual(events);
  }, PATIENTLY);
});

test('what fails is tried again with a back-off that outlives the object, and nothing else waits for it', async () => {
  const stock = newStock();
  stock.world.isPublisherAway = true;
  await receive(stock, 2);
  await vi.waitFor(async () => expect(await state(stock)).toMatchObject({ received: 2, pending: 2 }), PATIENTLY);
  await vi.waitFor(
    async () => expect((await jobs(stock))['outbox stock']).toMatchObject({ failures: 1, isDue: true }),
    PATIENTLY,
  );
  await evictDurableObject(stock.stub);
  // Another object from here on.
  const { alarm } = await state(stock);
  expect((await jobs(stock))['outbox stock']?.failures).toBeGreaterThan(0);
  expect(alarm).toBeGreaterThan(Date.now() - 1_000);
  // News does not shorten it; the view goes on.
  await receive(stock);
  await vi.waitFor(async () => expect(await state(stock)).toMatchObject({ received: 3, pending: 3 }), PATIENTLY);
  await vi.waitFor(async () => expect((await jobs(stock))['outbox stock']?.failures).toBe(2), PATIENTLY);
  stock.world.isPublisherAway = false;
  await vi.waitFor(async () => expect(await state(stock)).toEqual({ received: 3, pending: 0, alarm: null }), PATIENTLY);
  expect((await jobs(stock))['outbox stock']).toEqual({ failures: 0, isDue: false });
});

test('what fails for good is stopped and said, until the object is started anew; the others go on', async () => {
  const stock = newStock();
  stock.world.isHandlerBroken = true;
  await receive(stock, 2);
  await vi.waitFor(async () => expect(await state(stock)).toEqual({ received: 0, pending: 0, alarm: null }), PATIENTLY);
  expect(stock.world.failures).toHaveLength(1);
  expect(stock.world.failures[0]).toMatch(/^projection levels: /);
  stock.world.isHandlerBroken = false;
  await evictDurableObject(stock.stub);
  await receive(stock);
  await vi.waitFor(async () => expect(await state(stock)).toEqual({ received: 3, pending: 0, alarm: null }), PATIENTLY);
});
