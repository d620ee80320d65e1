import { expose } from 'comlink';
import { sendErrors } from './protocol/error-transfer.js';
import type { SendErrorsOptions } from './protocol/error-transfer.js';

/**
 * Offers an object to the page that started this worker, which takes it by `wrapWorker`: its methods can be called from
 * there. What they throw arrives with its code, its details and its causes.
 *
 * @param host - its methods take and give what can be cloned; functions are passed as Comlink's proxies
 */
export function serve(host: object, options: SendErrorsOptions = {}): void {
  sendErrors(options);
  expose(host);
}
