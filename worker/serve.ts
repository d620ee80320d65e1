import { expose } from 'comlink';
import { installErrorTransfer } from '../src/host/protocol/error-transfer.js';

/** Offers an object to the page that started this worker. */
export function serve(host: object): void {
  installErrorTransfer({ wrapsForeign: true });
  expose(host);
}
