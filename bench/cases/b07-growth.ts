/**
 * B7: what a commit, an opening and the memory cost as a store grows, from 1,000 to 1,000,000 events.
 *
 * @module
 */
import { DAYBOOK_WORKER } from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import type { BrowserLab } from '../runner/browser-lab.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { growthPlot } from '../runner/growth-plot.js';
import type { GrowthPoint } from '../runner/growth-plot.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { median, quantile } from '../runner/statistics.js';

const SIZES = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] as const;
const SMALLEST = SIZES[0];
const LARGEST = SIZES[SIZES.length - 1] as number;
// Up to here a store is filled anew for each round, because what a round adds would make it another size.
const FILLED_ANEW_MAX = 30_000;
const EVENTS_PER_FILL = 10_000;
const WARM_UP_COMMITS = 10;
const COMMITS = 200;
const MEGABYTE = 1_000_000;

/** What one round found at one size. */
interface Measured {
  readonly openMs: number;
  readonly commitMs: readonly number[];
  readonly imageBytes: number;
  /** Objects, buffers and WebAssembly; of the largest store only. */
  readonly memoryBytes: number | undefined;
}

export const GROWTH: BenchCase = {
  id: 'B7',
  title: 'growth from 1,000 to 1,000,000 events',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    for (const size of SIZES) if (size > FILLED_ANEW_MAX) await fill(lab, context.seed, size, nameOf(size));
    const measured = new Map<number, Measured[]>(SIZES.map((size) => [size, []]));
    const side =
      (size: number): Side =>
      async (round) => {
        const found = await measure(lab, context.seed, size, round);
        if (round > 0) measured.get(size)?.push(found);
        return median(found.commitMs);
      };
    await runRounds(Object.fromEntries(SIZES.map((size) => [`${size}`, side(size)])), context.rounds);
    await lab.run(DAYBOOK_WORKER, { kind: 'clear' });
    await context.picture('growth.svg', growthPlot(SIZES.map((size) => pointOf(size, measured.get(size) ?? []))));
    return rowsOf(measured.get(SMALLEST) ?? [], measured.get(LARGEST) ?? []);
  },
};

function rowsOf(smallest: readonly Measured[], largest: readonly Measured[]): readonly Row[] {
  const common = { id: 'B7', ratio: 'ours/theirs' } as const;
  const what = `at ${LARGEST.toLocaleString('en')} events, in the worker`;
  const against = `Daybook, at ${SMALLEST.toLocaleString('en')} events`;
  return [
    compare({
      ...common,
      what: `commit of 1 event ${what}`,
      against,
      unit: 'ms',
      ours: largest.map(({ commitMs }) => median(commitMs)),
      theirs: smallest.map(({ commitMs }) => median(commitMs)),
      target: { atMost: 1.2 },
    }),
    compare({
      ...common,
      what: `commit of 1 event ${what}, 95th percentile`,
      against,
      unit: 'ms',
      ours: largest.map(({ commitMs }) => quantile(commitMs, 0.95)),
      theirs: smallest.map(({ commitMs }) => quantile(commitMs, 0.95)),
    }),
    compare({
      ...common,
      what: `open and read an aggregate ${what}`,
      against,
      unit: 'ms',
      ours: largest.map(({ openMs }) => openMs),
      theirs: smallest.map(({ openMs }) => openMs),
    }),
    compare({
      ...common,
      what: `memory of worker and page at ${LARGEST.toLocaleString('en')} events: objects, buffers and WebAssembly`,
      against: 'the SQLite image',
      unit: 'MB',
      ours: largest.map(({ memoryBytes }) => (memoryBytes ?? 0) / MEGABYTE),
      theirs: largest.map(({ imageBytes }) => imageBytes / MEGABYTE),
      target: { atMost: 1.6 },
    }),
  ];
}

async function measure(lab: BrowserLab, seed: number, size: number, round: number): Promise<Measured> {
  const isFilledAnew = size <= FILLED_ANEW_MAX;
  const storeName = isFilledAnew ? `${nameOf(size)}-${round}` : nameOf(size);
  if (isFilledAnew) await fill(lab, seed, size, storeName);
  const { openMs, commitMs, imageBytes, wasmBytes } = await lab.run(DAYBOOK_WORKER, {
    kind: 'growth',
    storeName,
    seed,
    events: size + (isFilledAnew ? 0 : round * (WARM_UP_COMMITS + COMMITS)),
    commitSeed: seed + size + round,
    warmUpCommits: WARM_UP_COMMITS,
    commits: COMMITS,
  });
  const memoryBytes = size === LARGEST ? wasmBytes + (await lab.memoryBytes(DAYBOOK_WORKER)) : undefined;
  await lab.run(DAYBOOK_WORKER, { kind: 'release', ...(isFilledAnew ? { deleteStore: storeName } : {}) });
  return { openMs, commitMs, imageBytes, memoryBytes };
}

async function fill(lab: BrowserLab, seed: number, size: number, storeName: string): Promise<void> {
  await lab.run(DAYBOOK_WORKER, {
    kind: 'fill',
    storeName,
    seed,
    events: size,
    eventsPerCommit: Math.min(size, EVENTS_PER_FILL),
  });
}

function nameOf(size: number): string {
  return `bench-growth-${size}`;
}

/** Each figure is the median over the rounds. */
function pointOf(events: number, rounds: readonly Measured[]): GrowthPoint {
  return {
    events,
    commitMsMedian: median(rounds.map(({ commitMs }) => median(commitMs))),
    commitMsP95: median(rounds.map(({ commitMs }) => quantile(commitMs, 0.95))),
    openMs: median(rounds.map(({ openMs }) => openMs)),
  };
}
