/**
 * The command line of the model. Ends with 1 when something does not hold.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { replay } from './replay.js';
import { runModel, traceOf } from './run-model.js';
import { modeOfSeed, SWITCH_NAMES } from './switches.js';
import { readTrace, writeTrace } from './trace.js';

const SEEDS_DEFAULT = 1000;
const SHOWN_MAX = 10;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    first: { type: 'string' },
    break: { type: 'string' },
    replay: { type: 'boolean', default: false },
    write: { type: 'string' },
  },
});
const seeds = wholeNumber('seeds', values.seeds) ?? SEEDS_DEFAULT;
const first = wholeNumber('first', values.first) ?? 1;
const broken = SWITCH_NAMES.find((name) => name === values.break);
if (values.break !== undefined && broken === undefined)
  throw new Error(`--break is one of ${SWITCH_NAMES.join(', ')}.`);

const startedAt = performance.now();
if (values.write !== undefined) {
  mkdirSync(values.write, { recursive: true });
  for (let seed = first; seed < first + seeds; seed++) {
    writeFileSync(join(values.write, `${seed}.jsonl`), writeTrace(traceOf(seed)));
  }
  process.exit();
}
if (values.replay) {
  const differences = await replaySeeds(first, seeds);
  console.log(differences === 0 ? 'The shipped code is what the model is.' : `${differences} runs in which it is not`);
  process.exit(differences === 0 ? 0 : 1);
}
const { failures, counts } = runModel(first, seeds, (seed) => modeOfSeed(seed, broken));
for (const { seed, problem } of failures.slice(0, SHOWN_MAX)) console.error(`--seeds 1 --first ${seed}: ${problem}`);
console.table(counts);
console.log(`${seeds} seeds from ${first} on, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
console.log(failures.length === 0 ? 'Everything holds.' : `${failures.length} runs in which something does not hold`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Plays runs of the model on the shipped code. @returns in how many they differ */
async function replaySeeds(from: number, count: number): Promise<number> {
  let differing = 0;
  let steps = 0;
  for (let seed = from; seed < from + count; seed++) {
    const trace = readTrace(writeTrace(traceOf(seed)));
    const difference = await replay(trace);
    steps += trace.steps.length;
    if (difference === undefined) continue;
    differing++;
    const { at, step, what } = difference;
    console.error(`--replay --seeds 1 --first ${seed}: step ${at}, ${JSON.stringify(step)}: ${what}`);
  }
  const tookMs = performance.now() - startedAt;
  console.log(`${count} seeds from ${from} on, ${steps} steps, ${(tookMs / 1000).toFixed(1)} s`);
  return differing;
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number.`);
  return Number(text);
}
