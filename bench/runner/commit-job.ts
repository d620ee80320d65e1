/**
 * Measures commits, beside the contender, in the thread where it runs.
 *
 * @module
 */
import type { Contender } from './contender.js';
import { preload } from './preload.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** One round of one contender: a new store of a given size, then commits that are timed. */
export interface CommitJob {
  readonly kind: 'commit';
  readonly storeName: string;
  /** The same for every contender of a round, so that all record the same events. */
  readonly seed: number;
  readonly preloadEvents: number;
  readonly warmUpCommits: number;
  readonly commits: number;
  readonly eventsPerCommit: number;
}

/** What came of a {@link CommitJob}. */
export interface CommitResult {
  /** Of each commit, in order, in milliseconds. */
  readonly commitMs: readonly number[];
}

/** @throws Error when the store does not hold, after opening it again, what was committed */
export async function runCommitJob(contender: Contender, job: CommitJob): Promise<CommitResult> {
  const source = new EventSource(new Random(job.seed));
  await contender.open(job.storeName);
  await preload(contender, source, job.preloadEvents);
  await timeCommits(contender, source, job.warmUpCommits, job.eventsPerCommit);
  const commitMs = await timeCommits(contender, source, job.commits, job.eventsPerCommit);
  await contender.close();
  await assertKept(contender, job);
  return { commitMs };
}

/** Times commits one after another; their events are made before. */
export async function timeCommits(
  contender: Contender,
  source: EventSource,
  commits: number,
  eventsPerCommit: number,
): Promise<number[]> {
  const batches = Array.from({ length: commits }, () => source.take(eventsPerCommit));
  const commitMs: number[] = [];
  for (const events of batches) {
    const startMs = performance.now();
    await contender.commit(events);
    commitMs.push(performance.now() - startMs);
  }
  return commitMs;
}

async function assertKept(contender: Contender, job: CommitJob): Promise<void> {
  const expected = job.preloadEvents + (job.warmUpCommits + job.commits) * job.eventsPerCommit;
  await contender.open(job.storeName);
  const found = await contender.count();
  await contender.close();
  if (found !== expected) throw new Error(`committed ${expected} events, but found ${found} after opening again`);
}
