/**
 * Measures a store of a given size: how long it takes to open, and what a commit costs then. Beside the contender, in
 * the thread where it runs.
 *
 * @module
 */
import type { Contender } from './contender.js';
import { timeCommits } from './commit-job.js';
import { runOpenJob } from './open-job.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** Opens the store of a `FillJob`, reads one aggregate, and commits one event at a time. It stays open. */
export interface GrowthJob {
  readonly kind: 'growth';
  readonly storeName: string;
  /** That of the `FillJob`: says which aggregate comes first. */
  readonly seed: number;
  /** What the store holds: what it was filled with, and what earlier jobs of this kind added. */
  readonly events: number;
  /** Another one for each job on the same store, so that the aggregates differ. */
  readonly commitSeed: number;
  readonly warmUpCommits: number;
  readonly commits: number;
}

/** What came of a {@link GrowthJob}. */
export interface GrowthResult {
  /** Until the aggregate was read, in milliseconds. */
  readonly openMs: number;
  /** Of each commit, in order, in milliseconds. */
  readonly commitMs: readonly number[];
  /** The whole database as one file, in bytes. */
  readonly imageBytes: number;
  /** The WebAssembly memory, in bytes: not part of what the browser measures. */
  readonly wasmBytes: number;
}

/** Closes the store that a {@link GrowthJob} left open. */
export interface ReleaseJob {
  readonly kind: 'release';
  /** Deleted then, if it is given. */
  readonly deleteStore?: string;
}

/** @throws Error when the store does not hold what was committed */
export async function runGrowthJob(contender: Contender, job: GrowthJob): Promise<GrowthResult> {
  const { openMs } = await runOpenJob(contender, job, { keepOpen: true });
  const source = new EventSource(new Random(job.commitSeed));
  await timeCommits(contender, source, job.warmUpCommits, 1);
  const commitMs = await timeCommits(contender, source, job.commits, 1);
  // What is due in the background is written before the store is left.
  await contender.settle?.();
  return { openMs, commitMs, imageBytes: contender.imageBytes?.() ?? 0, wasmBytes: contender.wasmBytes?.() ?? 0 };
}
