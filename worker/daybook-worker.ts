/**
 * The worker's entry: built into `dist/worker.js`.
 *
 * @module
 */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/client/error-transfer.js';
import { StoreWorker } from './store-worker.js';

installErrorTransfer({ wrapsForeign: true });
expose(new StoreWorker());
