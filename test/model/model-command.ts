/**
 * The command line of the model. Ends with 1 when something does not hold.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { runModel } from './run-model.js';
import { modeOfSeed, SWITCH_NAMES } from './switches.js';

const SEEDS_DEFAULT = 1000;
const SHOWN_MAX = 10;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    first: { type: 'string' },
    break: { type: 'string' },
  },
});
const seeds = wholeNumber('seeds', values.seeds) ?? SEEDS_DEFAULT;
const first = wholeNumber('first', values.first) ?? 1;
const broken = SWITCH_NAMES.find((name) => name === values.break);
if (values.break !== undefined && broken === undefined)
  throw new Error(`--break is one of ${SWITCH_NAMES.join(', ')}.`);

const startedAt = performance.now();
const { failures, counts } = runModel(first, seeds, (seed) => modeOfSeed(seed, broken));
for (const { seed, problem } of failures.slice(0, SHOWN_MAX)) console.error(`--seeds 1 --first ${seed}: ${problem}`);
console.table(counts);
console.log(`${seeds} seeds from ${first} on, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
console.log(failures.length === 0 ? 'Everything holds.' : `${failures.length} runs in which something does not hold`);
process.exitCode = failures.length === 0 ? 0 : 1;

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number.`);
  return Number(text);
}
