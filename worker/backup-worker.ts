/**
 * The entry of the worker for what is done rarely: built into `dist/backup-worker.js`.
 *
 * @module
 */
import { expose } from 'comlink';
import { asOwnError, installErrorTransfer } from '../src/host/protocol/error-transfer.js';
import { StoreBackup } from '../src/host/store-backup.js';

installErrorTransfer(asOwnError);
expose(new StoreBackup());
