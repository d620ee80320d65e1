import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import { CLIENT_ERRORS } from '../host/protocol/client-errors.js';
import { receiveErrors } from '../host/protocol/error-transfer.js';

/**
 * Takes what a worker of the application's own offers by `serve` of `daybook/host`.
 *
 * The worker stays yours, and its death with it: a call that is pending when it is terminated is never answered, as of any
 * worker by Comlink. Listen to its `error` event, and give calls a time limit where somebody waits for them.
 *
 * @typeParam Host - what it offers
 * @returns the same methods, as promises. What they throw arrives with its code, its details and its causes; errors of
 *   storage as their own classes, others as `EventSourcingError`
 *
 * @example
 * ```ts
 * const worker = new Worker(new URL('./stock-worker.js', import.meta.url), { type: 'module' });
 * const stock = wrapWorker<StockWorker>(worker);
 * await stock.count(itemId, 12);
 * ```
 */
export function wrapWorker<Host>(worker: Worker): Remote<Host> {
  receiveErrors(CLIENT_ERRORS);
  return wrap<Host>(worker);
}
