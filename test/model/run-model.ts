/**
 * Runs of the model, one for each seed.
 *
 * @module
 */
import { check } from './checker.js';
import { modeOfSeed, type Mode } from './switches.js';
import { noCounts, type Counts, type WorldOptions } from './counts.js';
import type { Trace } from './trace.js';
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
  const counts = noCounts();
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

/** Writes down a run. Without bootstraps: lines have no form for parts of them. And as positions are where the log counts. */
export function traceOf(seed: number, options: Pick<WorldOptions, 'stormSteps'> = {}): Trace {
  const mode = { ...modeOfSeed(seed), hasBootstrap: false, hasGaps: false };
  const world = new World(seed, mode, { ...options, isTraced: true });
  const problem = runWorld(world);
  if (problem !== undefined) throw new Error(`seed ${seed}: ${problem}`);
  return { seed, mode, steps: world.steps };
}

function runWorld(world: World): string | undefined {
  try {
    return world.run() ?? check(world);
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
