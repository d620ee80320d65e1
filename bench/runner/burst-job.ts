/**
 * Measures commits that are issued at once, beside the contender, in the thread where it runs.
 *
 * @module
 */
import type { Contender } from './contender.js';
import { preload } from './preload.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** One round of one contender: a new store of a given size, then bursts of one-event commits. */
export interface BurstJob {
  readonly kind: 'burst';
  readonly storeName: string;
  readonly seed: number;
  readonly preloadEvents: number;
  readonly warmUpBursts: number;
  readonly bursts: number;
  /** Issued in one go; the burst ends when the last has resolved. */
  readonly commitsPerBurst: number;
}

/** What came of a {@link BurstJob}. */
export interface BurstResult {
  /** Of each burst, in order, in milliseconds. */
  readonly burstMs: readonly number[];
}

/** @throws Error when the store does not hold, after opening it again, what was committed */
export async function runBurstJob(contender: Contender, job: BurstJob): Promise<BurstResult> {
  const source = new EventSource(new Random(job.seed));
  await contender.open(job.storeName);
  await preload(contender, source, job.preloadEvents);
  const burstMs: number[] = [];
  for (let burst = 0; burst < job.warmUpBursts + job.bursts; burst++) {
    const events = source.take(job.commitsPerBurst);
    const startMs = performance.now();
    await Promise.all(events.map((event) => contender.commit([event])));
    if (burst >= job.warmUpBursts) burstMs.push(performance.now() - startMs);
  }
  await contender.close();
  await contender.open(job.storeName);
  const found = await contender.count();
  await contender.close();
  const expected = job.preloadEvents + (job.warmUpBursts + job.bursts) * job.commitsPerBurst;
  if (found !== expected) throw new Error(`committed ${expected} events, but found ${found} after opening again`);
  return { burstMs };
}
