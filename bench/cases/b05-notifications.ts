/**
 * B5: how many events per second are read as notifications, in pages of 1,000.
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

const STORE_EVENTS = 10_000;
const PAGE_EVENTS = 1_000;
const WARM_UP_PASSES = 1;
const PASSES = 5;
const RIVALS: readonly ContenderInfo[] = [
  INDEXED_INDEXEDDB,
  WA_SQLITE_MIRROR_STRICT,
  WA_SQLITE_BATCH_ATOMIC,
  DEXIE,
  PGLITE,
  SQLITE_OPFS,
];

export const NOTIFICATIONS: BenchCase = {
  id: 'B5',
  title: 'reading notifications in pages of 1,000',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const side =
      (contender: ContenderInfo): Side =>
      async (round) => {
        const { passMs } = await lab.run(contender, {
          kind: 'page',
          storeName: `bench-${round}`,
          seed: context.seed + round,
          preloadEvents: STORE_EVENTS,
          pageEvents: PAGE_EVENTS,
          warmUpPasses: WARM_UP_PASSES,
          passes: PASSES,
        });
        return (STORE_EVENTS * 1_000) / median(passMs);
      };
    const figures = await runRounds(
      Object.fromEntries([DAYBOOK_WORKER, ...RIVALS, DAYBOOK_PAGE].map((contender) => [contender.id, side(contender)])),
      context.rounds,
    );
    const ours = figures[DAYBOOK_WORKER.id] as readonly number[];
    const common = { id: 'B5', unit: 'events/s' } as const;
    return [
      ...rowsAgainst({
        ...common,
        what: 'notifications in pages of 1,000, in the worker',
        ours,
        rivals: RIVALS,
        figures,
        better: 'more',
        target: { atLeast: 2 },
      }),
      compare({
        ...common,
        what: 'notifications in pages of 1,000, from the main thread',
        against: DAYBOOK_WORKER.label,
        ours: figures[DAYBOOK_PAGE.id] as readonly number[],
        theirs: ours,
        ratio: 'ours/theirs',
      }),
    ];
  },
};
