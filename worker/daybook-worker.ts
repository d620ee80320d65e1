/**
 * The worker's entry: built into `dist/worker.js`.
 *
 * @module
 */
import { StoreWorker } from '../src/host/store-worker.js';
import { serve } from '../src/host/serve.js';

serve(new StoreWorker(), { wrapsForeign: true });
