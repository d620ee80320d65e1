/**
 * Runs, one for each seed.
 *
 * @module
 */
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { makePlan } from './world/plan.js';
import type { Plan } from './world/plan.js';
import { STEPS } from './world/steps.js';
import { World } from './world/world.js';
import type { RunCounts, RunResult, StepCounts, Wrap } from './world/world.js';

/** Runs a plan. */
export async function runPlan(plan: Plan, wrap: Wrap = {}): Promise<RunResult> {
  // Loaded once, from a file, which takes as long as it takes.
  (await openSqlJs()).close();
  using world = new World(plan, STEPS, wrap);
  return await world.run();
}

/** Which runs. */
export interface Runs {
  readonly first: number;
  readonly seeds: number;
  readonly devices: number;
  readonly wrap?: Wrap | undefined;
  /** Ends after as many. @defaultValue it does not */
  readonly failuresMax?: number;
  /** Told after each. */
  readonly onRun?: ((plan: Plan, result: RunResult) => void) | undefined;
}

/** What came of runs. */
export interface RunsResult {
  readonly failures: readonly { readonly plan: Plan; readonly result: RunResult }[];
  readonly done: number;
  /** Of all of them together. */
  readonly counts: RunCounts;
  readonly steps: StepCounts;
  /** Simulated milliseconds after the last fault until all was done, of each that came to that. */
  readonly drainedMs: readonly number[];
}

/** Runs one plan for each seed. */
export async function runSeeds(runs: Runs): Promise<RunsResult> {
  const { first, seeds, devices, wrap, failuresMax = Infinity, onRun } = runs;
  const failures: { plan: Plan; result: RunResult }[] = [];
  const drainedMs: number[] = [];
  let [done, counts]: [number, RunCounts | undefined] = [0, undefined];
  let steps: StepCounts = {};
  for (let seed = first; seed < first + seeds && failures.length < failuresMax; seed++) {
    const plan = makePlan(seed, devices);
    const result = await runPlan(plan, wrap);
    done++;
    counts = counts === undefined ? result.counts : added(counts, result.counts);
    steps = added(steps, result.steps);
    if (result.problem === undefined) drainedMs.push(result.drainedMs);
    else failures.push({ plan, result });
    onRun?.(plan, result);
  }
  if (counts === undefined) throw new Error('Nothing was run.');
  return { failures, done, counts, steps, drainedMs };
}

/** @returns what both of them have counted, by its names */
function added<T extends object>(one: T, other: T): T {
  const sums: Record<string, number> = {};
  for (const counted of [one, other]) {
    for (const [name, count] of Object.entries<number>(counted as Record<string, number>)) {
      sums[name] = (sums[name] ?? 0) + count;
    }
  }
  return sums as T;
}
