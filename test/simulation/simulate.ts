/**
 * The command line of the simulation. Ends with 1 when something does not hold, or a bug that was put in is not found.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { BUGS } from './bugs/bugs.js';
import { runPlan, runSeeds } from './run.js';
import type { RunsResult } from './run.js';
import { shrink } from './shrink.js';
import type { Plan } from './world/plan.js';

const TOLD_EVERY = 50;
/** In so many runs a bug that was put in has to be found. */
const BUG_SEEDS = 200;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    devices: { type: 'string', default: '5' },
    first: { type: 'string', default: '1' },
    json: { type: 'string' },
    bug: { type: 'string' },
    plan: { type: 'string' },
    shrink: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const [first, seeds, devices] = [whole('first'), whole('seeds'), whole('devices')];
const startedAt = performance.now();
if (values.plan !== undefined) await again(values.plan);
else if (values.bug === 'all') await findBugs();
else await simulate();

/** Many runs. */
async function simulate(): Promise<void> {
  const wrap = values.bug === undefined ? undefined : BUGS[values.bug];
  if (values.bug !== undefined && wrap === undefined) {
    throw new Error(`--bug is "all" or one of ${Object.keys(BUGS).join(', ')}.`);
  }
  console.log(`${seeds} runs of ${devices} devices, --first ${first}`);
  let done = 0;
  const result = await runSeeds({
    ...{ first, seeds, devices, wrap },
    ...(values.shrink === undefined ? {} : { failuresMax: 1 }),
    onRun: ({ seed }, { problem, lines }) => {
      if (values.trace) console.log(lines.join('\n'));
      if (problem !== undefined) console.error(`seed ${seed}: ${problem}`);
      if (++done % TOLD_EVERY === 0) console.log(`${done} runs in ${secondsSince(startedAt)} s`);
    },
  });
  const summary = summaryOf(result);
  console.table(summary.counts);
  console.log(JSON.stringify(summary.drainedMs), `${summary.seconds} s`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);
  const [failed] = result.failures;
  if (failed === undefined) return;
  process.exitCode = 1;
  if (values.shrink === undefined) return;
  const smallest = await shrink(failed.plan, wrap, ({ steps }) => console.log(`${steps.length} steps fail, too`));
  await writeFile(values.shrink, `${JSON.stringify(smallest, undefined, 1)}\n`);
}

/** Each bug by itself, until it is found. */
async function findBugs(): Promise<void> {
  const found: Record<string, string> = {};
  for (const [name, wrap] of Object.entries(BUGS)) {
    const { done, failures } = await runSeeds({ first, seeds: BUG_SEEDS, devices, wrap, failuresMax: 1 });
    if (failures.length === 0) process.exitCode = 1;
    found[name] = failures[0]?.result.problem?.split('\n', 1)[0] ?? `not found in ${done} runs`;
    console.log(`${name}, in run ${done}: ${found[name]}`);
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(found, undefined, 2)}\n`);
}

/** A run that was kept. */
async function again(file: string): Promise<void> {
  const plan = JSON.parse(await readFile(file, 'utf8')) as Plan;
  const { problem, lines } = await runPlan(plan);
  console.log(lines.join('\n'));
  console.log(problem ?? 'Everything holds.');
  if (problem !== undefined) process.exitCode = 1;
}

function summaryOf({ done, failures, counts, drainedMs }: RunsResult): {
  readonly counts: RunsResult['counts'];
  readonly drainedMs: object;
  readonly seconds: number;
  readonly failures: readonly object[];
} {
  const sorted = [...drainedMs].sort((one, other) => one - other);
  const part = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return {
    ...{ first, devices, runs: done },
    counts,
    failures: failures.map(({ plan, result }) => ({ seed: plan.seed, problem: result.problem })),
    drainedMs: { median: part(0.5), of99: part(0.99), most: part(1) },
    seconds: secondsSince(startedAt),
  };
}

function secondsSince(ms: number): number {
  return Math.round((performance.now() - ms) / 1_000);
}

function whole(name: 'first' | 'seeds' | 'devices'): number {
  if (!/^\d{1,9}$/.test(values[name])) throw new Error(`--${name} takes a whole number.`);
  return Number(values[name]);
}
