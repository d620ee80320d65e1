/**
 * B20: ten stores that write to one aggregate at once, until all of them have all of it confirmed: events that commute, and
 * events that stand on what was there.
 *
 * @module
 */
import { DAYBOOK_APPLICATION } from '../contenders/contender-list.js';
import { withLoadHost } from '../load/load-host.js';
import type { ApplicationResult } from '../runner/application-jobs.js';
import type { BenchCase } from '../runner/bench-case.js';
import { againstFigure, compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';

const WRITERS = 10;
const COMMANDS = 10;
const COMMITS = WRITERS * COMMANDS;

type Kind = 'commutative' | 'strict';

export const HOT_AGGREGATE: BenchCase = {
  id: 'B20',
  title: 'ten writers on one aggregate',
  async run({ lab: open, rounds }) {
    const lab = await open();
    return await withLoadHost(
      async ({ url }) => {
        const results: Record<Kind, ApplicationResult[]> = { commutative: [], strict: [] };
        const side =
          (kind: Kind): Side =>
          async (round) => {
            const work = { kind: 'hotAggregate', storeName: `bench-${kind}-${round}`, writers: WRITERS } as const;
            const server = { url, token: `${kind}-${round}` };
            const isCommutative = kind === 'commutative';
            const job = { ...work, server, commands: COMMANDS, isCommutative };
            const result = await lab.run(DAYBOOK_APPLICATION, job);
            if (round > 0) results[kind].push(result);
            return (COMMITS * 1_000) / (result.tookMs[0] as number);
          };
        const figures = await runRounds({ commutative: side('commutative'), strict: side('strict') }, rounds);
        return rowsOf(figures, results);
      },
      [lab.originOf(DAYBOOK_APPLICATION)],
    );
  },
};

function rowsOf(
  figures: Readonly<Record<Kind, readonly number[]>>,
  results: Readonly<Record<Kind, readonly ApplicationResult[]>>,
): readonly Row[] {
  const counts = (kind: Kind, field: 'pushes' | 'decidedAgain', what: string): Row =>
    againstFigure({
      id: 'B20',
      what: `of this, ${kind}: ${what}`,
      unit: 'of 100',
      ours: results[kind].map((result) => (result[field] * 100) / COMMITS),
    });
  return [
    compare({
      id: 'B20',
      what: 'ten writers, 10 commutative commits each on one aggregate, until all have all',
      against: 'strict ones, decided again',
      unit: 'commits/s',
      ours: figures.commutative,
      theirs: figures.strict,
      ratio: 'ours/theirs',
    }),
    counts('commutative', 'pushes', 'pushes'),
    counts('strict', 'pushes', 'pushes'),
    counts('strict', 'decidedAgain', 'decided again'),
  ];
}
