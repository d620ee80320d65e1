/**
 * B2: how many commits of one event per second go through when a hundred are issued at once.
 *
 * @module
 */
import { DAYBOOK_PAGE, DAYBOOK_WORKER, RAW_INDEXEDDB } from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { median } from '../runner/statistics.js';
import { PRELOAD_EVENTS } from './commit-sides.js';

const COMMITS_PER_BURST = 100;
const BURSTS = 15;
const WARM_UP_BURSTS = 3;

export const COMMIT_BURST: BenchCase = {
  id: 'B2',
  title: '100 commits of 1 event at once, durable',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const side =
      (contender: ContenderInfo): Side =>
      async (round) => {
        const { burstMs } = await lab.run(contender, {
          kind: 'burst',
          storeName: `bench-${round}`,
          seed: context.seed + round,
          preloadEvents: PRELOAD_EVENTS,
          warmUpBursts: WARM_UP_BURSTS,
          bursts: BURSTS,
          commitsPerBurst: COMMITS_PER_BURST,
        });
        return (COMMITS_PER_BURST * 1_000) / median(burstMs);
      };
    const figures = await runRounds(
      { ours: side(DAYBOOK_WORKER), raw: side(RAW_INDEXEDDB), page: side(DAYBOOK_PAGE) },
      context.rounds,
    );
    const common = { id: 'B2', unit: 'commits/s', ratio: 'ours/theirs' } as const;
    return [
      compare({
        ...common,
        what: '100 commits of 1 event at once, in the worker',
        against: `${RAW_INDEXEDDB.label}, 100 transactions`,
        ours: figures.ours,
        theirs: figures.raw,
        target: { atLeast: 15 },
      }),
      compare({
        ...common,
        what: '100 commits of 1 event at once, from the main thread',
        against: DAYBOOK_WORKER.label,
        ours: figures.page,
        theirs: figures.ours,
      }),
    ];
  },
};
