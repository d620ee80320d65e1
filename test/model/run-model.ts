/**
 * Runs of the model, one for each seed.
 *
 * @module
 */
import { check } from './checker.js';
import type { Mode } from './switches.js';
import type { Counts } from './world.js';
import { World } from './world.js';

export interface ModelFailure {
  readonly seed: number;
  readonly problem: string;
}

export interface ModelRun {
  readonly failures: readonly ModelFailure[];
  /** Of all runs together. */
  readonly counts: Counts;
  readonly seeds: number;
}

/**
 * @param modeOf - how the run of a seed goes
 * @param failuresMax - ends after as many
 */
export function runModel(
  first: number,
  seeds: number,
  modeOf: (seed: number) => Mode,
  failuresMax: number = Infinity,
): ModelRun {
  const failures: ModelFailure[] = [];
  const counts = new World(first, modeOf(first)).counts;
  let done = 0;
  for (let seed = first; seed < first + seeds && failures.length < failuresMax; seed++) {
    const world = new World(seed, modeOf(seed));
    const problem = runWorld(world);
    if (problem !== undefined) failures.push({ seed, problem });
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += world.counts[name];
    done++;
  }
  return { failures, counts, seeds: done };
}

function runWorld(world: World): string | undefined {
  try {
    return world.run() ?? check(world);
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
