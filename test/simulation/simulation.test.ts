/** The simulation, some runs of it: nothing is wrong, the same seed is the same run, and what is wrong on purpose is found. */
import { describe, expect, test } from 'vitest';
import { BUGS } from './bugs/bugs.js';
import { runPlan, runSeeds } from './run.js';
import { kindOf, shrink } from './shrink.js';
import { makePlan } from './world/plan.js';

// Others each time; the same again with SIMULATE_FIRST.
const FIRST = Number(process.env['SIMULATE_FIRST'] ?? Math.floor(Math.random() * 1e8));
const SEEDS = Number(process.env['SIMULATE_SEEDS'] ?? 10);
const DEVICES = 5;
const PATIENCE_MS = 600_000;

test(
  'devices and servers agree after whatever happens',
  async () => {
    console.info(`SIMULATE_FIRST=${FIRST}, ${SEEDS} runs`);
    const { failures, counts } = await runSeeds({ first: FIRST, seeds: SEEDS, devices: DEVICES });
    expect(failures.map(({ plan, result }) => [plan.seed, result.problem])).toEqual([]);
    // What is not there cannot go wrong.
    expect(counts.units).toBeGreaterThan(SEEDS * 20);
    expect(counts.decidedAgain).toBeGreaterThan(SEEDS);
    expect(counts.networkFaults).toBeGreaterThan(SEEDS);
  },
  PATIENCE_MS,
);

test(
  'a seed says all that happens',
  async () => {
    const plan = makePlan(FIRST, DEVICES);
    const [one, other] = [await runPlan(plan), await runPlan(plan)];
    expect(other).toEqual(one);
    expect((await runPlan(makePlan(FIRST + 1, DEVICES))).trace).not.toBe(one.trace);
  },
  PATIENCE_MS,
);

describe('a bug that is put in is found', () => {
  // Most of them in one of the first three runs.
  test.each(Object.keys(BUGS))(
    '%s',
    async (name) => {
      const wrap = BUGS[name];
      const { failures } = await runSeeds({ first: 1, seeds: 200, devices: DEVICES, wrap, failuresMax: 1 });
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
