/**
 * The entry of the worker for what is done rarely: built into `dist/backup-worker.js`.
 *
 * @module
 */
import { StoreBackup } from '../src/host/store-backup.js';
import { serve } from '../src/host/serve.js';

serve(new StoreBackup(), { wrapsForeign: true });
