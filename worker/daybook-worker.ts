/**
 * The worker's entry: built into `dist/worker.js`.
 *
 * @module
 */
import { expose } from 'comlink';
import { asOwnError, installErrorTransfer } from '../src/host/protocol/error-transfer.js';
import { StoreWorker } from '../src/host/store-worker.js';

installErrorTransfer(asOwnError);
expose(new StoreWorker());
