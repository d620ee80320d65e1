/**
 * Scales of a plot: from figures to places, with the figures at which lines are drawn.
 *
 * @module
 */

/** Where an axis lies in the picture, in its units; `from` is the place of the smallest figure. */
export interface Extent {
  readonly from: number;
  readonly to: number;
}

/** Places figures along an axis. */
export interface Scale {
  readonly ticks: readonly number[];
  place(value: number): number;
}

// Steps that are easy to read; ten times the first ends the list.
const ROUND_STEPS = [1, 2, 2.5, 5, 10] as const;

/** From 0 to a round figure above the largest value. */
export function linearScale(valueMax: number, stepsMax: number, extent: Extent): Scale {
  const rough = valueMax / stepsMax;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (ROUND_STEPS.find((candidate) => candidate * power >= rough) ?? 10);
  const steps = Math.ceil(valueMax / step);
  const ticks = Array.from({ length: steps + 1 }, (_, index) => index * step);
  return { ticks, place: (value) => along(extent, value / (steps * step)) };
}

/** Every factor of ten takes the same room; from a power of ten to a power of ten. */
export function logScale(valueMin: number, valueMax: number, extent: Extent): Scale {
  const first = Math.floor(Math.log10(valueMin));
  const last = Math.max(first + 1, Math.ceil(Math.log10(valueMax)));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  return { ticks, place: (value) => along(extent, (Math.log10(value) - first) / (last - first)) };
}

function along({ from, to }: Extent, part: number): number {
  return from + (to - from) * part;
}
