/**
 * Rows against several contenders, of which the best is the one to beat.
 *
 * @module
 */
import { compare } from '../runner/comparison.js';
import type { Comparison, Row, Target } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { median } from '../runner/statistics.js';

/** What {@link rowsAgainst} compares. */
export interface RivalComparison extends Pick<Comparison, 'id' | 'what' | 'unit' | 'ours'> {
  readonly rivals: readonly ContenderInfo[];
  /** By the ids of the contenders. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
  /** Whether a larger figure or a smaller one is better. */
  readonly better: 'more' | 'less';
  /** Of ours by theirs, against the best. */
  readonly target: Target;
}

/** A row for each rival; the target stands in that of the best. */
export function rowsAgainst(comparison: RivalComparison): readonly Row[] {
  const { rivals, figures, better, target, ...common } = comparison;
  const medians = rivals.map(({ id }) => median(figures[id] as readonly number[]));
  const best = better === 'more' ? Math.max(...medians) : Math.min(...medians);
  return rivals.map(({ id, label }, index) => {
    const isBest = medians[index] === best;
    return compare({
      ...common,
      against: isBest ? `${label} (the best)` : label,
      theirs: figures[id] as readonly number[],
      ratio: 'ours/theirs',
      ...(isBest ? { target } : {}),
    });
  });
}
