/**
 * The entry of the worker for what is done rarely: built into `dist/backup-worker.js`.
 *
 * @module
 */
import { StoreBackup } from '../src/host/store-backup.js';
import { serve } from './serve.js';

serve(new StoreBackup());
