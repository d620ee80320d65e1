/**
 * Rows of the table: two sides that were measured in the same rounds, as a ratio of their medians.
 *
 * @module
 */
import { median, rangeOf } from './statistics.js';
import type { Range } from './statistics.js';

/** What a ratio must be. */
export type Target = { readonly atMost: number } | { readonly atLeast: number };

/** What a row compares. The arrays hold one figure per round, in the order of the rounds. */
export interface Comparison {
  /** Of the benchmark, for example `B1`. */
  readonly id: string;
  readonly what: string;
  readonly against: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Which side stands above the line. */
  readonly ratio: 'ours/theirs' | 'theirs/ours';
  /** Left out where a row is information only. */
  readonly target?: Target;
}

/** One row, as `--json` writes it. */
export interface Row {
  readonly id: string;
  readonly what: string;
  readonly against: string;
  /** Median over the rounds. */
  readonly ours: number;
  /** Median over the rounds. */
  readonly theirs: number;
  readonly unit: string;
  /** Ratio of the medians. */
  readonly ratio: number;
  /** For example `<= 1.25`; null where there is none. */
  readonly target: string | null;
  /** Null where there is no target. */
  readonly holds: boolean | null;
  readonly rounds: number;
  /** Smallest and largest ratio of a single round, and smallest and largest figure of each side. */
  readonly spread: { readonly ratio: Range; readonly ours: Range; readonly theirs: Range };
}

export function compare(comparison: Comparison): Row {
  const { id, what, against, unit, ours, theirs, target } = comparison;
  const divide = (our: number, their: number): number =>
    comparison.ratio === 'ours/theirs' ? our / their : their / our;
  const medians = { ours: median(ours), theirs: median(theirs) };
  const ratio = divide(medians.ours, medians.theirs);
  const ratios = ours.map((our, round) => divide(our, theirs[round] as number));
  return {
    id,
    what,
    against,
    ...medians,
    unit,
    ratio,
    target: target === undefined ? null : targetText(target),
    holds: target === undefined ? null : holds(ratio, target),
    rounds: ours.length,
    spread: { ratio: rangeOf(ratios), ours: rangeOf(ours), theirs: rangeOf(theirs) },
  };
}

/** What a row compares with a fixed figure: a rate, of which more is better. */
export interface FigureComparison {
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  /** One figure per round. */
  readonly ours: readonly number[];
  /** Left out where a row is information only; then the row compares with itself. */
  readonly atLeast?: number;
}

/** A row without a contender: the other side is the target itself. */
export function againstFigure({ id, what, unit, ours, atLeast }: FigureComparison): Row {
  return compare({
    id,
    what,
    unit,
    ours,
    against: atLeast === undefined ? '–' : 'the figure set',
    theirs: atLeast === undefined ? ours : ours.map(() => atLeast),
    ratio: 'ours/theirs',
    ...(atLeast === undefined ? {} : { target: { atLeast: 1 } }),
  });
}

function targetText(target: Target): string {
  return 'atMost' in target ? `<= ${target.atMost}` : `>= ${target.atLeast}`;
}

function holds(ratio: number, target: Target): boolean {
  return 'atMost' in target ? ratio <= target.atMost : ratio >= target.atLeast;
}
