/**
 * The command line of the soak. Ends with 1 when something is not as it was promised.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { BROWSER_NAMES } from '../support/browsers.js';
import { runSoak } from './soak-run.js';

const ROUNDS_DEFAULT = 200;

const { values } = parseArgs({
  options: { rounds: { type: 'string' }, seed: { type: 'string' }, browser: { type: 'string' } },
});
const rounds = wholeNumber('rounds', values.rounds) ?? ROUNDS_DEFAULT;
const seed = wholeNumber('seed', values.seed) ?? Date.now() % 2 ** 31;
const browserName = BROWSER_NAMES.find((name) => name === (values.browser ?? 'chromium'));
if (browserName === undefined) throw new Error(`--browser is one of ${BROWSER_NAMES.join(', ')}.`);

console.log(`Soak of ${rounds} rounds in ${browserName}, --seed ${seed}`);
const startedAt = performance.now();
const log = (line: string): void => console.log(line);
const { counts, problems, profileDir } = await runSoak({ projectDir: process.cwd(), browserName, rounds, seed, log });
console.table(counts);
console.log(`${Math.round((performance.now() - startedAt) / 1000)} s, seed ${seed}`);
for (const problem of problems) console.error(problem);
if (profileDir !== undefined) console.error(`The browser's profile is kept in ${profileDir}.`);
const exception =
  counts.thrownAway === 0 ? '' : `, but for what the browser threw away, ${counts.thrownAway} times, and said so`;
console.log(
  problems.length === 0 ? `Everything that was promised is there, once${exception}.` : `${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} takes a whole number.`);
  return Number(text);
}
