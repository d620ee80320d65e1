/**
 * The worker's entry: built into `dist/worker.js`.
 *
 * @module
 */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/host/protocol/error-transfer.js';
import { StoreWorker } from '../src/host/store-worker.js';

installErrorTransfer({ wrapsForeign: true });
expose(new StoreWorker());
