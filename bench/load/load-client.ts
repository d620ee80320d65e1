/**
 * The process of devices: takes jobs from the one that has forked it, one at a time.
 *
 * @module
 */
import { runLoad } from './load-jobs.js';
import type { LoadJob } from './load-jobs.js';

process.on('message', (job: LoadJob) => {
  runLoad(job).then(
    (outcome) => process.send?.({ outcome }),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
