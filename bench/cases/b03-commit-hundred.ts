/**
 * B3: how many events per second commits of 100 events record durably.
 *
 * @module
 */
import {
  DAYBOOK_PAGE,
  DAYBOOK_WORKER,
  DEXIE,
  PGLITE,
  RAW_INDEXEDDB,
  SQLITE_OPFS,
  SQLJS_EXPORT,
  WA_SQLITE_BATCH_ATOMIC,
  WA_SQLITE_MIRROR,
  WA_SQLITE_MIRROR_STRICT,
} from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { rowsAgainst } from './best-rival.js';
import { commitSide } from './commit-sides.js';

const COMMITS = 40;
const EVENTS_PER_COMMIT = 100;
const RIVALS: readonly ContenderInfo[] = [
  RAW_INDEXEDDB,
  WA_SQLITE_MIRROR_STRICT,
  WA_SQLITE_MIRROR,
  WA_SQLITE_BATCH_ATOMIC,
  DEXIE,
  PGLITE,
  SQLITE_OPFS,
  SQLJS_EXPORT,
];

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
    const ours = figures[DAYBOOK_WORKER.id] as readonly number[];
    const common = { id: 'B3', unit: 'events/s' } as const;
    return [
      ...rowsAgainst({
        ...common,
        what: 'commits of 100 events, in the worker',
        ours,
        rivals: RIVALS,
        figures,
        better: 'more',
        target: { atLeast: 1.5 },
      }),
      compare({
        ...common,
        what: 'commits of 100 events, from the main thread',
        against: DAYBOOK_WORKER.label,
        ours: figures[DAYBOOK_PAGE.id] as readonly number[],
        theirs: ours,
        ratio: 'ours/theirs',
      }),
    ];
  },
};

function eventsPerSecond(commitMs: readonly number[]): number {
  const totalMs = commitMs.reduce((sum, ms) => sum + ms, 0);
  return (commitMs.length * EVENTS_PER_COMMIT * 1_000) / totalMs;
}
