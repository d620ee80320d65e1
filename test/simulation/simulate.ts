/**
 * The command line of the simulation. Ends with 1 when something does not hold, or a bug that was put in is not found.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BUG_SEEDS, BUGS } from './bugs/bugs.js';
import { keepPlan, readKeptPlan } from './kept-plans.js';
import { runPlan, runSeeds } from './run.js';
import type { RunsResult } from './run.js';
import { kindOf, shrink } from './shrink.js';

const TOLD_EVERY = 50;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    devices: { type: 'string', default: '5' },
    first: { type: 'string', default: '1' },
    json: { type: 'string' },
    bug: { type: 'string' },
    plan: { type: 'string' },
    shrink: { type: 'string' },
    story: { type: 'string' },
    trace: { type: 'boolean', default: false },
    real: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
  },
});
const [first, seeds, devices] = [whole('first'), whole('seeds'), whole('devices')];
const startedAt = performance.now();
if (values.real) await runWithNothingSimulated();
else if (values.plan !== undefined) await again(values.plan);
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
  console.table(summary.steps);
  console.log(JSON.stringify(summary.drainedMs), `${summary.seconds} s`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);
  const [failed] = result.failures;
  if (failed === undefined) return;
  process.exitCode = 1;
  if (values.shrink === undefined) return;
  const plan = await shrink(failed.plan, wrap, ({ steps }) => console.log(`${steps.length} steps fail, too`));
  const story = values.story ?? kindOf(failed.result.problem ?? '');
  console.log(`kept as ${await keepPlan({ name: values.shrink, story, plan })}`);
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

/** One run in real browsers, with a real PostgreSQL. */
async function runWithNothingSimulated(): Promise<void> {
  // Brings browsers with it, which nothing else needs.
  const { runReal } = await import('./real/real-run.js');
  const seconds = whole('seconds');
  console.log(`${seconds} s with ${devices} browsers, --first ${first}`);
  const { problem, counts, steps } = await runReal({
    ...{ seed: first, devices, seconds, projectDir: process.cwd(), log: (line) => console.log(line) },
    serverFile: fileURLToPath(new URL('real-server.mjs', import.meta.url)),
  });
  console.table(counts);
  console.table(steps);
  console.log(problem ?? 'Everything holds.', `${secondsSince(startedAt)} s, --first ${first}`);
  const summary = { seed: first, devices, seconds, counts, steps, problem };
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);
  if (problem !== undefined) process.exitCode = 1;
}

/** A run that was kept. */
async function again(file: string): Promise<void> {
  const { plan } = await readKeptPlan(file);
  const { problem, lines } = await runPlan(plan);
  console.log(lines.join('\n'));
  console.log(problem ?? 'Everything holds.');
  if (problem !== undefined) process.exitCode = 1;
}

function summaryOf({ done, failures, counts, steps, drainedMs }: RunsResult): {
  readonly counts: RunsResult['counts'];
  readonly steps: RunsResult['steps'];
  readonly drainedMs: object;
  readonly seconds: number;
  readonly failures: readonly object[];
} {
  const sorted = [...drainedMs].sort((one, other) => one - other);
  const part = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return {
    ...{ first, devices, runs: done },
    counts,
    steps,
    failures: failures.map(({ plan, result }) => ({ seed: plan.seed, problem: result.problem })),
    drainedMs: { median: part(0.5), of99: part(0.99), most: part(1) },
    seconds: secondsSince(startedAt),
  };
}

function secondsSince(ms: number): number {
  return Math.round((performance.now() - ms) / 1_000);
}

function whole(name: 'first' | 'seeds' | 'devices' | 'seconds'): number {
  if (!/^\d{1,9}$/.test(values[name])) throw new Error(`--${name} takes a whole number.`);
  return Number(values[name]);
}
