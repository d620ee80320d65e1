/**
 * Measures what one of several tabs commits to a store that all of them share.
 *
 * @module
 */
import type { Contender } from './contender.js';
import { nowMs } from './now.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** Opens a store that may be there, and commits one event at a time from an appointed moment on. */
export interface TabJob {
  readonly kind: 'tab';
  readonly storeName: string;
  /** Another one for each tab, so that their aggregates differ. */
  readonly seed: number;
  /** When all tabs start, in milliseconds since 1970; every store is open by then. */
  readonly startAtMs: number;
  readonly warmUpCommits: number;
  readonly commits: number;
}

/** What came of a {@link TabJob}, in milliseconds since 1970. */
export interface TabResult {
  readonly startMs: number;
  readonly endMs: number;
}

export async function runTabJob(contender: Contender, job: TabJob): Promise<TabResult> {
  const source = new EventSource(new Random(job.seed));
  await contender.open(job.storeName);
  for (const event of source.take(job.warmUpCommits)) await contender.commit([event]);
  const events = source.take(job.commits);
  const waitMs = job.startAtMs - nowMs();
  if (waitMs < 0) throw new Error(`ready ${-waitMs} ms too late`);
  await new Promise((resolve) => {
    setTimeout(resolve, waitMs);
  });
  const startMs = nowMs();
  for (const event of events) await contender.commit([event]);
  const endMs = nowMs();
  await contender.close();
  return { startMs, endMs };
}
