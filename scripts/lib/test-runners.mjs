// Runs Vitest and Playwright, and counts what they report.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBrowsers } from './browser-setup.mjs';
import { forgetConformance } from './conformance-matrix.mjs';
import { failedInPlaywright, failedInVitest, printFailedTests } from './failed-tests.mjs';
import { ensureServers } from './debian-servers.mjs';
import { BIN, CACHE, childEnvironment, run, runOrFail } from './project.mjs';

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {import('./failed-tests.mjs').FailedTest[]} [failedTests]
 */

/** What can be run; each needs a build. */
export const RUNNERS = ['node', 'workerd', 'browser', 'e2e'];
const IN_BROWSERS = ['browser', 'e2e'];

/**
 * Builds, then runs tests.
 *
 * @param {readonly string[]} names - of {@link RUNNERS}
 * @returns {Promise<Totals>}
 */
export async function runTests(names) {
  const browsers = names.some((name) => IN_BROWSERS.includes(name)) ? await ensureBrowsers() : {};
  await runOrFail(process.execPath, ['scripts/build.mjs', '--no-types']);
  const servers = names.includes('node') ? await ensureServers() : {};
  const env = childEnvironment({ ...browsers, ...servers });
  const totals = [];
  const projects = names.filter((name) => name !== 'e2e');
  if (projects.length > 0) totals.push(await runVitest(projects, env));
  if (names.includes('e2e')) totals.push(await runPlaywright(env));
  return sum(totals);
}

/**
 * Builds, then runs the browser tests in WebKitGTK.
 *
 * @param {Record<string, string>} env - of `findWebKit`
 * @returns {Promise<Totals>}
 */
export async function runWebKitTests(env) {
  await runOrFail(process.execPath, ['scripts/build.mjs', '--no-types']);
  return await countedVitest(['--config=test/webkit/webkit.config.ts'], childEnvironment(env));
}

/** @param {readonly Totals[]} totals */
export function sum(totals) {
  const add = (field) => totals.reduce((total, row) => total + row[field], 0);
  const failedTests = totals.flatMap((row) => row.failedTests ?? []);
  return { passed: add('passed'), failed: add('failed'), skipped: add('skipped'), failedTests };
}

/** Prints what failed, and then the line that says it all. */
export function printTotals({ passed, failed, skipped, failedTests = [] }) {
  printFailedTests(failedTests);
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
}

async function runVitest(projects, env) {
  forgetConformance();
  const filters = projects.map((name) => `--project=${name === 'browser' ? 'browser*' : name}`);
  return await countedVitest([...filters, '--reporter=./scripts/lib/conformance-reporter.mjs'], env);
}

async function countedVitest(options, env) {
  const report = freshReport('vitest.json');
  const args = ['run', ...options, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await run(join(BIN, 'vitest'), args, { env });
  return counted('Vitest', code, () => {
    const outcome = readReport(report);
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = outcome;
    const skipped = numPendingTests + numTodoTests;
    return { passed: numPassedTests, failed: numFailedTests, skipped, failedTests: failedInVitest(outcome) };
  });
}

async function runPlaywright(env) {
  const report = freshReport('playwright.json');
  await runOrFail(join(BIN, 'vite'), ['build', '--logLevel', 'warn'], { env });
  const { code } = await run(join(BIN, 'playwright'), ['test', '--reporter=list,json'], {
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  return counted('Playwright', code, () => {
    const outcome = readReport(report);
    const { expected, unexpected, flaky, skipped } = outcome.stats;
    return { passed: expected, failed: unexpected + flaky, skipped, failedTests: failedInPlaywright(outcome) };
  });
}

/** Trusts a runner's exit code over its report: a file that cannot be loaded has no failed test, nor has an empty run. */
function counted(runner, code, read) {
  const totals = attempt(read) ?? { passed: 0, failed: 0, skipped: 0 };
  if (totals.failed > 0 || (code === 0 && totals.passed > 0)) return totals;
  console.error(
    `${runner} ended with ${code} after ${totals.passed} passed tests and none that failed: counted as one failure.`,
  );
  return { ...totals, failed: 1 };
}

function attempt(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

// A report of an earlier run must not be taken for this one's.
function freshReport(name) {
  mkdirSync(CACHE, { recursive: true });
  const path = join(CACHE, name);
  rmSync(path, { force: true });
  return path;
}

function readReport(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
