/** The simulation, some runs of it: nothing is wrong, the same seed is the same run, and what is wrong on purpose is found. */
import { describe, expect, test } from 'vitest';
import { BUG_FIRST, BUG_SEEDS, BUGS } from './bugs/bugs.js';
import { readKeptPlans } from './kept-plans.js';
import { runPlan, runSeeds } from './run.js';
import { kindOf, shrink } from './shrink.js';
import { makePlan } from './world/plan.js';
import { STEPS } from './world/steps.js';

// Others each time; the same again with SIMULATE_FIRST.
const FIRST = Number(process.env['SIMULATE_FIRST'] ?? Math.floor(Math.random() * 1e8));
const SEEDS = Number(process.env['SIMULATE_SEEDS'] ?? 4);
const DEVICES = 5;
const PATIENCE_MS = 600_000;
const KEPT = await readKeptPlans();

test(
  'devices and servers agree after whatever happens',
  async () => {
    console.info(`SIMULATE_FIRST=${FIRST}, ${SEEDS} runs`);
    const { failures, done } = await runSeeds({ first: FIRST, seeds: SEEDS, devices: DEVICES });
    expect(failures.map(({ plan, result }) => [plan.seed, result.problem])).toEqual([]);
    expect(done).toBe(SEEDS);
  },
  PATIENCE_MS,
);

describe('a run that has failed once holds', () => {
  test.each(KEPT)(
    '$name: $story',
    async ({ plan }) => {
      expect((await runPlan(plan)).problem).toBeUndefined();
    },
    PATIENCE_MS,
  );
});

test(
  'a seed says all that happens, and much does',
  async () => {
    // Always the same one: of others, what is asked for may not happen.
    const plan = makePlan(2, DEVICES);
    const [one, other] = [await runPlan(plan), await runPlan(plan)];
    expect(other).toEqual(one);
    expect(one.problem).toBeUndefined();
    // What is not there cannot go wrong.
    const { units, decidedAgain, setAside, networkFaults, retries, compared, bases } = one.counts;
    const seen = { units, decidedAgain, setAside, networkFaults, retries, compared, bases };
    const least = { units: 75, decidedAgain: 5, setAside: 1, networkFaults: 1, retries: 5, compared: 50, bases: 1 };
    for (const [name, count] of Object.entries(seen)) {
      expect(count, name).toBeGreaterThanOrEqual(least[name as keyof typeof least]);
    }
  },
  PATIENCE_MS,
);

test('each kind of step is in some of the first plans, and another seed is another plan', () => {
  const plans = Array.from({ length: 20 }, (_, at) => makePlan(at + 1, DEVICES));
  const kinds = new Set(plans.flatMap(({ steps }) => steps.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual(Object.keys(STEPS).sort());
  expect(new Set(plans.map(({ steps }) => JSON.stringify(steps))).size).toBe(plans.length);
});

describe('a bug that is put in is found', () => {
  // Most of them in the run that the search begins with.
  test.each(Object.keys(BUGS))(
    '%s',
    async (name) => {
      const [wrap, first] = [BUGS[name], BUG_FIRST[name] ?? 1];
      const { failures } = await runSeeds({ first, seeds: BUG_SEEDS, devices: DEVICES, wrap, failuresMax: 1 });
      expect(failures).toHaveLength(1);
    },
    PATIENCE_MS,
  );
});

test(
  'a run that fails is made smaller, and fails in the same way',
  async () => {
    // One that is found soon: each try takes as long as that.
    const wrap = BUGS['id-for-each-push'];
    const plan = makePlan(1, DEVICES);
    const smaller = await shrink(plan, wrap);
    expect(smaller.steps.length).toBeLessThan(plan.steps.length / 4);
    const [before, after] = [await runPlan(plan, wrap), await runPlan(smaller, wrap)];
    expect(kindOf(after.problem ?? '')).toBe(kindOf(before.problem ?? 'none'));
  },
  PATIENCE_MS,
);
