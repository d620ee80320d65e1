// The conformance matrix: every case of the suites on every engine.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './project.mjs';

/** Where `conformance-reporter.mjs` keeps what ran: one JSON object per line. */
export const OUTCOMES_FILE = join(CACHE, 'conformance.jsonl');

/**
 * @typedef {object} Outcome
 * @property {string} engine
 * @property {string} suite
 * @property {string} name - of the case
 * @property {'passed' | 'failed' | 'skipped' | 'pending'} state
 * @property {string} [reason] - of a skip
 */

// The worst comes first: what several kinds of recorder share on one engine has one cell.
const MARKS = [
  ['failed', '✗'],
  ['pending', '?'],
  ['skipped', '–'],
  ['passed', '✓'],
];
const NOT_RUN = ' ';

/** Forgets an earlier run, whose outcomes must not be taken for this one's. */
export function forgetConformance() {
  rmSync(OUTCOMES_FILE, { force: true });
}

/** Prints the matrix of the last run; nothing when no conformance case was in it. */
export function printConformanceMatrix() {
  const outcomes = readOutcomes();
  if (outcomes.length > 0) console.log(`\n${conformanceMatrix(outcomes)}`);
}

/**
 * @param {readonly Outcome[]} outcomes
 * @returns {string} the matrix, its legend, and the reasons of the skips
 */
export function conformanceMatrix(outcomes) {
  const engines = unique(outcomes.map(({ engine }) => engine));
  const rows = unique(outcomes.map(({ suite, name }) => JSON.stringify([suite, name]))).map((row) => JSON.parse(row));
  const suites = unique(rows.map(([suite]) => suite));
  const width = Math.max(...rows.map(([, name]) => name.length)) + 2;
  const head = engines.map((_engine, index) => String(index + 1).padStart(3)).join('');
  const lines = [`${'Conformance: cases × engines'.padEnd(width)}${head}`];
  for (const suite of suites) {
    lines.push(suite);
    for (const [, name] of rows.filter(([of]) => of === suite)) {
      const cells = engines.map((engine) => {
        const mark = markOf(outcomes.filter((outcome) => isOf(outcome, engine, suite, name)));
        return mark.padStart(3);
      });
      lines.push(`${`  ${name}`.padEnd(width)}${cells.join('')}`);
    }
  }
  return [
    ...lines,
    '',
    ...engines.map((engine, index) => engineLine(outcomes, engine, index)),
    ...skipLines(outcomes),
  ].join('\n');
}

function readOutcomes() {
  try {
    return readFileSync(OUTCOMES_FILE, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function isOf(outcome, engine, suite, name) {
  return outcome.engine === engine && outcome.suite === suite && outcome.name === name;
}

function markOf(outcomes) {
  const found = MARKS.find(([state]) => outcomes.some((outcome) => outcome.state === state));
  return found?.[1] ?? NOT_RUN;
}

function engineLine(outcomes, engine, index) {
  const own = outcomes.filter((outcome) => outcome.engine === engine);
  const counts = MARKS.map(([state, mark]) => [own.filter((outcome) => outcome.state === state).length, mark]);
  const shown = counts.filter(([count]) => count > 0).map(([count, mark]) => `${count} ${mark}`);
  return `${String(index + 1).padStart(3)}  ${engine}: ${shown.reverse().join(', ')}`;
}

/** Skips that share a reason share a line. */
function skipLines(outcomes) {
  const skipped = outcomes.filter(({ state }) => state === 'skipped');
  const reasons = unique(skipped.map(({ engine, reason }) => `${engine}: ${reason ?? 'no reason given'}`));
  const lines = reasons.map((line) => {
    const count = skipped.filter(({ engine, reason }) => `${engine}: ${reason ?? 'no reason given'}` === line).length;
    return `  –  ${line} (${count} ${count === 1 ? 'case' : 'cases'})`;
  });
  return [...lines, '     (blank: the engine has no such recorder, or is not shared by connections)'];
}

function unique(values) {
  return [...new Set(values)];
}
