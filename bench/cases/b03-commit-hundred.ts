/**
 * B3: how many events per second commits of 100 events record durably.
 *
 * @module
 */
import {
  DAYBOOK_PAGE,
  DAYBOOK_WORKER,
  RAW_INDEXEDDB,
  SQLJS_EXPORT,
  WA_SQLITE_MIRROR,
  WA_SQLITE_MIRROR_STRICT,
} from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { median } from '../runner/statistics.js';
import { commitSide } from './commit-sides.js';

const COMMITS = 40;
const EVENTS_PER_COMMIT = 100;
/** Those whose best must be beaten. */
const RIVALS: readonly ContenderInfo[] = [RAW_INDEXEDDB, WA_SQLITE_MIRROR_STRICT, WA_SQLITE_MIRROR, SQLJS_EXPORT];
const TARGET = { atLeast: 1.5 };

export const COMMIT_HUNDRED: BenchCase = {
  id: 'B3',
  title: 'commits of 100 events, durable',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const side = (contender: ContenderInfo): Side =>
      commitSide(lab, context, contender, { commits: COMMITS, eventsPerCommit: EVENTS_PER_COMMIT }, eventsPerSecond);
    const contenders = [DAYBOOK_WORKER, ...RIVALS, DAYBOOK_PAGE];
    const figures = await runRounds(
      Object.fromEntries(contenders.map((contender) => [contender.id, side(contender)])),
      context.rounds,
    );
    const figuresOf = ({ id }: ContenderInfo): readonly number[] => figures[id] as readonly number[];
    const best = Math.max(...RIVALS.map((rival) => median(figuresOf(rival))));
    const common = { id: 'B3', unit: 'events/s', ratio: 'ours/theirs' } as const;
    return [
      ...RIVALS.map((rival) => {
        const isBest = median(figuresOf(rival)) === best;
        return compare({
          ...common,
          what: 'commits of 100 events, in the worker',
          against: isBest ? `${rival.label} (the best)` : rival.label,
          ours: figuresOf(DAYBOOK_WORKER),
          theirs: figuresOf(rival),
          ...(isBest ? { target: TARGET } : {}),
        });
      }),
      compare({
        ...common,
        what: 'commits of 100 events, from the main thread',
        against: DAYBOOK_WORKER.label,
        ours: figuresOf(DAYBOOK_PAGE),
        theirs: figuresOf(DAYBOOK_WORKER),
      }),
    ];
  },
};

function eventsPerSecond(commitMs: readonly number[]): number {
  const totalMs = commitMs.reduce((sum, ms) => sum + ms, 0);
  return (commitMs.length * EVENTS_PER_COMMIT * 1_000) / totalMs;
}
