/**
 * Makes a run that fails smaller: leaves out whatever is not needed for it.
 *
 * @module
 */
import { runPlan } from './run.js';
import type { Plan, Step } from './world/plan.js';
import type { Wrap } from './world/world.js';

/** How a problem is known again: not by the ids in it. */
export function kindOf(problem: string): string {
  return problem
    .split('\n', 1)[0]!
    .replace(/[\da-f]{8}-[\da-f-]{27}/g, 'ID')
    .replace(/(device|beside)[\w.-]*\d+/g, 'DEVICE')
    .replace(/-?\d+/g, 'N');
}

/**
 * @param plan - fails
 * @param onSmaller - told of each that fails alike
 * @returns the smallest that was found, which fails with a problem of the same kind
 */
export async function shrink(plan: Plan, wrap: Wrap = {}, onSmaller?: (smaller: Plan) => void): Promise<Plan> {
  const { problem } = await runPlan(plan, wrap);
  if (problem === undefined) throw new Error('It does not fail.');
  const kind = kindOf(problem);
  let smallest = plan;
  const fails = async (steps: readonly Step[]): Promise<boolean> => {
    const smaller = { ...smallest, steps };
    const found = (await runPlan(smaller, wrap)).problem;
    if (found === undefined || kindOf(found) !== kind) return false;
    smallest = smaller;
    onSmaller?.(smaller);
    return true;
  };
  // Halves, quarters and so on, until no single step can be left out.
  for (let size = Math.ceil(plan.steps.length / 2); ;) {
    let isSmaller = false;
    for (let at = 0; at < smallest.steps.length;) {
      const rest = [...smallest.steps.slice(0, at), ...smallest.steps.slice(at + size)];
      if (await fails(rest)) isSmaller = true;
      else at += size;
    }
    if (size === 1 && !isSmaller) return smallest;
    size = Math.max(1, Math.floor(size / 2));
  }
}
