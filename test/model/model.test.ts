/**
 * The model of synchronisation keeps what it promises, whatever happens, and none of its rules is needless.
 *
 * `MODEL_FIRST` runs the seeds from another one on; without it, each run has its own. `npm run model` runs more.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import { runModel } from './run-model.js';
import { modeOfSeed, SWITCH_NAMES, SWITCHES } from './switches.js';

const SEEDS = 300;
/** Of a rule that is switched off: the one that is found latest is found after about 400. */
const BROKEN_SEEDS_MAX = 1_500;

const first = Number(process.env['MODEL_FIRST'] || Date.now() % 1_000_000_000);

test(`devices and servers agree on one history, and nothing is lost or there twice (MODEL_FIRST=${first})`, () => {
  const { failures, counts } = runModel(first, SEEDS, modeOfSeed);
  expect(failures, `npm run model -- --seeds 1 --first ${failures[0]?.seed}`).toEqual([]);
  // The faults were there.
  for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(0);
});

describe('is found out when', () => {
  test.for(SWITCH_NAMES.map((name) => [SWITCHES[name], name] as const))('%s', { timeout: 120_000 }, ([, broken]) => {
    const { failures } = runModel(1, BROKEN_SEEDS_MAX, (seed) => modeOfSeed(seed, broken), 1);
    expect(failures).toHaveLength(1);
  });
});
