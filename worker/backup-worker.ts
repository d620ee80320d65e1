/**
 * The entry of the worker for what is done rarely: built into `dist/backup-worker.js`.
 *
 * @module
 */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/host/protocol/error-transfer.js';
import { StoreBackup } from '../src/host/store-backup.js';

installErrorTransfer({ wrapsForeign: true });
expose(new StoreBackup());
