import { deleteDaybook, openDaybook, wrapWorker } from 'daybook';
import { Application, InlineProjection } from 'daybook/application';
import { newOriginatorId } from 'daybook/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { countInWorker } from '../../examples/in-a-worker/stock-page.js';
import type { StockWorker } from '../../examples/in-a-worker/stock-worker.js';
import { stockItem } from '../../examples/projections/stock-item.js';
import { stockLevels } from '../../examples/projections/stock-levels.js';
import { newStoreName, openStore, withWorkers } from './open-store.js';
import type { WorkerWithoutWasm } from './worker-without-wasm.js';

/** Counts the messages to workers while work is done. */
async function crossings(workers: readonly Worker[], work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  for (const worker of workers) {
    const post: Worker['postMessage'] = worker.postMessage.bind(worker);
    worker.postMessage = ((...parameters: Parameters<Worker['postMessage']>) => {
      count++;
      post(...parameters);
    }) as Worker['postMessage'];
  }
  await work();
  return count;
}

function startStock(): { worker: Worker; stock: ReturnType<typeof wrapWorker<StockWorker>> } {
  const worker = new Worker(new URL('../../examples/in-a-worker/stock-worker.ts', import.meta.url), { type: 'module' });
  onTestFinished(() => worker.terminate());
  return { worker, stock: wrapWorker<StockWorker>(worker) };
}

describe('an application in a worker', () => {
  test('counts, and reads what follows, as the example shows', async () => {
    expect(await countInWorker(newStoreName(), newOriginatorId(), 12)).toBe(12);
  });

  test('crosses to the worker once for a command with an in-line projection, where a page crosses for every call', async () => {
    const { worker, stock } = startStock();
    const name = newStoreName();
    await stock.open(name);
    await stock.count(newOriginatorId(), 1);
    expect(await crossings([worker], () => stock.count(newOriginatorId(), 2))).toBe(1);

    await withWorkers(async (workers) => {
      const { recorder } = await openStore(newStoreName());
      const log = new Application({ recorder, aggregates: [stockItem] });
      const decode = log.decode.bind(log);
      const levels = new InlineProjection({ projection: stockLevels, recorder, decode });
      await levels.setUp();
      const app = new Application({ recorder, aggregates: [stockItem], inline: [levels] });
      const command = { type: 'Count', data: { quantity: 2 } } as const;
      await app.execute(stockItem, newOriginatorId(), command);
      const count = await crossings(workers, () => app.execute(stockItem, newOriginatorId(), command));
      expect(count).toBeGreaterThan(5);
    });
    await stock.close();
  });

  test('has the store that a page has open, in step with it', async () => {
    const name = newStoreName();
    const daybook = await openDaybook({ name });
    onTestFinished(() => daybook.close());
    const { stock } = startStock();
    await stock.open(name);
    const id = newOriginatorId();
    const heard = daybook.subscribe().next();
    await stock.count(id, 7);
    expect((await heard).value).toMatchObject({ originatorId: id, originatorVersion: 1 });
    const { rows } = await daybook.query('SELECT quantity FROM stock_levels WHERE item_id = $1', [id]);
    expect(rows).toEqual([{ quantity: 7 }]);
    const fromPage = new Application({ recorder: daybook.recorder, aggregates: [stockItem] });
    await fromPage.execute(stockItem, id, { type: 'Count', data: { quantity: 8 } });
    expect(await stock.count(id, 9)).toBe(3);
    expect(await stock.level(id)).toBe(9);
    await stock.close();
  });

  test('lets go of a store that it could not open', async () => {
    const worker = new Worker(new URL('./worker-without-wasm.ts', import.meta.url), { type: 'module' });
    onTestFinished(() => worker.terminate());
    const host = wrapWorker<WorkerWithoutWasm>(worker);
    const name = newStoreName();
    await expect(host.open(name)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(host.open(name)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    // It waits for whoever has the store open.
    await deleteDaybook(name, { timeoutMs: 3_000 });
  });

  test('refuses after its close, says why it cannot open, and leaves nothing open then', async () => {
    const { stock } = startStock();
    await expect(stock.open('')).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    const name = newStoreName();
    await stock.open(name);
    await stock.close();
    await expect(stock.count(newOriginatorId(), 1)).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await expect(stock.count('not a UUID', 1)).rejects.toMatchObject({ code: expect.any(String) as string });
  });
});
