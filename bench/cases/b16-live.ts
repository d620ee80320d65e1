/**
 * B16: how long it takes from the moment when one device sends a unit until the others have heard of it, and, of other units,
 * until they have the page with it: with 1 to 1,000 devices that listen to one server process.
 *
 * @module
 */
import { withLoadHost } from '../load/load-host.js';
import { startLoadProcess } from '../load/load-process.js';
import type { LoadProcess } from '../load/load-process.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';
import { quantile } from '../runner/statistics.js';

const DEVICES = [1, 10, 100, 1_000] as const;
const COMPARED_WITH = 10;
// So many that a quantile says something; so few that a thousand devices are done in seconds.
const SAMPLES = 2_000;
const UNITS_MIN = 5;
const UNITS_MAX = 50;

interface Figures {
  readonly head50: number;
  readonly head99: number;
  readonly page50: number;
  readonly page99: number;
}

export const LIVE_CLIENTS: BenchCase = {
  id: 'B16',
  title: 'Live clients of one server process',
  run: (context) =>
    withLoadHost(async ({ url }) => {
      const devices = startLoadProcess();
      try {
        return await compareCounts(url, devices, context);
      } finally {
        devices.close();
      }
    }),
};

async function compareCounts(
  url: string,
  devices: LoadProcess,
  { seed, rounds }: BenchContext,
): Promise<readonly Row[]> {
  const figures = new Map<number, Figures[]>(DEVICES.map((count) => [count, []]));
  const sides = DEVICES.map((count) => {
    const side = async (round: number): Promise<number> => {
      const units = Math.min(UNITS_MAX, Math.max(UNITS_MIN, Math.floor(SAMPLES / count)));
      const job = { kind: 'follow', url, seed: seed + round * 10_000 + count, devices: count, units } as const;
      const { headMs, pageMs } = await devices.run(job);
      const figure = {
        head50: quantile(headMs, 0.5),
        head99: quantile(headMs, 0.99),
        page50: quantile(pageMs, 0.5),
        page99: quantile(pageMs, 0.99),
      };
      if (round > 0) figures.get(count)?.push(figure);
      return figure.page99;
    };
    return [String(count), side] as const;
  });
  await runRounds(Object.fromEntries(sides), rounds);
  const of = (count: number, field: keyof Figures): readonly number[] =>
    (figures.get(count) ?? []).map((figure) => figure[field]);
  return DEVICES.flatMap((count) =>
    (['head50', 'head99', 'page50', 'page99'] as const).map((field) =>
      compare({
        id: 'B16',
        what: `${textOf(field)}, ${count.toLocaleString('en')} ${count === 1 ? 'client' : 'clients'}`,
        against: `${COMPARED_WITH} clients`,
        unit: 'ms',
        ours: of(count, field),
        theirs: of(COMPARED_WITH, field),
        ratio: 'ours/theirs',
        ...(count === 100 && field.endsWith('99') ? { target: { atMost: 3 } } : {}),
      }),
    ),
  );
}

function textOf(field: keyof Figures): string {
  const [what, part] = [field.slice(0, 4), field.slice(4)];
  return `push until ${what === 'head' ? 'a client has heard of it' : 'it has the page'}, p${part}`;
}
