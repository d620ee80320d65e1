/**
 * The worker's entry: built into `dist/worker.js`.
 *
 * @module
 */
import { StoreWorker } from '../src/host/store-worker.js';
import { serve } from '../src/host/serve.js';
import { loadRescuePart } from '../src/host/rescue-part.js';

serve(new StoreWorker(loadRescuePart), { wrapsForeign: true });
