/**
 * Sides of the benchmarks that commit to browser stores.
 *
 * @module
 */
import type { BenchContext } from '../runner/bench-case.js';
import type { BrowserLab } from '../runner/browser-lab.js';
import type { CommitJob } from '../runner/commit-job.js';
import type { ContenderInfo } from '../runner/contender.js';
import type { Side } from '../runner/rounds.js';

/** Size of the store at the start of every round, in events. */
export const PRELOAD_EVENTS = 2_000;
const WARM_UP_COMMITS = 5;

/** How much is committed in a round. */
export interface CommitAmount {
  readonly commits: number;
  readonly eventsPerCommit: number;
}

/** A side that commits to a new store in each round, and makes one figure of the times of its commits. */
export function commitSide(
  lab: BrowserLab,
  { seed }: BenchContext,
  contender: ContenderInfo,
  amount: CommitAmount,
  figure: (commitMs: readonly number[]) => number,
): Side {
  return async (round) => {
    const job: CommitJob = {
      kind: 'commit',
      storeName: `bench-${round}`,
      seed: seed + round,
      preloadEvents: PRELOAD_EVENTS,
      warmUpCommits: WARM_UP_COMMITS,
      ...amount,
    };
    return figure((await lab.run(contender, job)).commitMs);
  };
}
