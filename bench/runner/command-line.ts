/**
 * The arguments of `npm run bench`.
 *
 * @module
 */
import { parseArgs } from 'node:util';

const ROUNDS_DEFAULT = 9;
// Fewer than five medians say nothing on a shared machine.
const ROUNDS_MIN = 5;
const SEED_MAX = 2 ** 32;

/** What to run, and where to write what came of it. */
export interface BenchArguments {
  /** Ids of benchmarks; all when there are none. */
  readonly ids: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly jsonFile: string | undefined;
  readonly markdownFile: string | undefined;
}

/** @throws Error when an argument is wrong */
export function parseArguments(args: readonly string[], randomSeed: () => number): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      markdown: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  return {
    ids: positionals.map((id) => id.toUpperCase()),
    rounds: integer('rounds', values.rounds, ROUNDS_MIN, 1_000) ?? ROUNDS_DEFAULT,
    seed: integer('seed', values.seed, 0, SEED_MAX - 1) ?? randomSeed(),
    jsonFile: values.json,
    markdownFile: values.markdown,
  };
}

function integer(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new Error(`--${name} must be an integer from ${min} to ${max}, but is ${text}.`);
  }
  return value;
}
