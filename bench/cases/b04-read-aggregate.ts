/**
 * B4: how long it takes to read an aggregate of 1,000 events.
 *
 * @module
 */
import {
  DAYBOOK_PAGE,
  DAYBOOK_WORKER,
  DEXIE,
  INDEXED_INDEXEDDB,
  PGLITE,
  SQLITE_OPFS,
  WA_SQLITE_BATCH_ATOMIC,
  WA_SQLITE_MIRROR_STRICT,
} from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { median } from '../runner/statistics.js';
import { rowsAgainst } from './best-rival.js';

const AGGREGATE_EVENTS = 1_000;
const OTHER_EVENTS = 2_000;
const WARM_UP_READS = 5;
const READS = 30;
const RIVALS: readonly ContenderInfo[] = [
  INDEXED_INDEXEDDB,
  WA_SQLITE_MIRROR_STRICT,
  WA_SQLITE_BATCH_ATOMIC,
  DEXIE,
  PGLITE,
  SQLITE_OPFS,
];

export const READ_AGGREGATE: BenchCase = {
  id: 'B4',
  title: 'reading an aggregate of 1,000 events',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const side =
      (contender: ContenderInfo): Side =>
      async (round) => {
        const { readMs } = await lab.run(contender, {
          kind: 'read',
          storeName: `bench-${round}`,
          seed: context.seed + round,
          preloadEvents: OTHER_EVENTS,
          aggregateEvents: AGGREGATE_EVENTS,
          warmUpReads: WARM_UP_READS,
          reads: READS,
        });
        return median(readMs);
      };
    const figures = await runRounds(
      Object.fromEntries([DAYBOOK_WORKER, ...RIVALS, DAYBOOK_PAGE].map((contender) => [contender.id, side(contender)])),
      context.rounds,
    );
    const ours = figures[DAYBOOK_WORKER.id] as readonly number[];
    const common = { id: 'B4', unit: 'ms' } as const;
    return [
      ...rowsAgainst({
        ...common,
        what: 'read 1,000 events of an aggregate, in the worker',
        ours,
        rivals: RIVALS,
        figures,
        better: 'less',
        target: { atMost: 0.6 },
      }),
      compare({
        ...common,
        what: 'read 1,000 events of an aggregate, from the main thread',
        against: DAYBOOK_WORKER.label,
        ours: figures[DAYBOOK_PAGE.id] as readonly number[],
        theirs: ours,
        ratio: 'ours/theirs',
        target: { atMost: 2 },
      }),
    ];
  },
};
