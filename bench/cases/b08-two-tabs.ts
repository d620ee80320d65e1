/**
 * B8: how many commits per second two tabs make together that write to one store at once.
 *
 * @module
 */
import { DAYBOOK_PAGE, DAYBOOK_WORKER } from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import type { BrowserLab } from '../runner/browser-lab.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';

const COMMITS = 200;
const WARM_UP_COMMITS = 10;
/** In which every tab opens the store and commits to warm up. */
const HEAD_START_MS = 3_000;

export const TWO_TABS: BenchCase = {
  id: 'B8',
  title: 'two tabs writing at once',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const side =
      (contender: ContenderInfo, tabs: number): Side =>
      (round) =>
        commitsPerSecond(lab, contender, tabs, context.seed + 10 * round);
    const figures = await runRounds(
      {
        two: side(DAYBOOK_WORKER, 2),
        one: side(DAYBOOK_WORKER, 1),
        twoPages: side(DAYBOOK_PAGE, 2),
        onePage: side(DAYBOOK_PAGE, 1),
      },
      context.rounds,
    );
    const common = { id: 'B8', unit: 'commits/s', ratio: 'ours/theirs' } as const;
    return [
      compare({
        ...common,
        what: 'two tabs, 1 event per commit, in their workers',
        against: 'one tab alone',
        ours: figures.two,
        theirs: figures.one,
        target: { atLeast: 0.8 },
      }),
      compare({
        ...common,
        what: 'two tabs, 1 event per commit, from their main threads',
        against: 'one tab alone',
        ours: figures.twoPages,
        theirs: figures.onePage,
      }),
    ];
  },
};

async function commitsPerSecond(
  lab: BrowserLab,
  contender: ContenderInfo,
  tabs: number,
  seed: number,
): Promise<number> {
  // A page that is opened for the job would be late.
  for (let tab = 0; tab < tabs; tab++) await lab.run(contender, { kind: 'clear' }, tab);
  const startAtMs = Date.now() + HEAD_START_MS;
  const results = await Promise.all(
    Array.from({ length: tabs }, (_, tab) =>
      lab.run(
        contender,
        {
          kind: 'tab',
          storeName: 'bench-tabs',
          seed: seed + tab,
          startAtMs,
          warmUpCommits: WARM_UP_COMMITS,
          commits: COMMITS,
        },
        tab,
      ),
    ),
  );
  await lab.run(contender, { kind: 'clear' });
  const startMs = Math.min(...results.map((result) => result.startMs));
  const endMs = Math.max(...results.map((result) => result.endMs));
  return (tabs * COMMITS * 1_000) / (endMs - startMs);
}
