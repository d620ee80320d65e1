import { wrapWorker } from 'daybook';
import type { StockWorker } from './stock-worker.js';

/** Counts an item, and reads the level that follows from it: two calls, each of which crosses to the worker once. */
export async function countInWorker(storeName: string, itemId: string, quantity: number): Promise<number> {
  const worker = new Worker(new URL('./stock-worker.ts', import.meta.url), { type: 'module' });
  const stock = wrapWorker<StockWorker>(worker);
  await stock.open(storeName);
  await stock.count(itemId, quantity);
  const level = await stock.level(itemId);
  await stock.close();
  worker.terminate();
  return level;
}
