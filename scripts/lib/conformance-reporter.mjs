// A reporter for Vitest: keeps where each conformance case ran, and with which outcome, for the matrix.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OUTCOMES_FILE } from './conformance-matrix.mjs';

/** Vitest makes one for a run that was given `--reporter=scripts/lib/conformance-reporter.mjs`. */
export default class ConformanceReporter {
  #lines = [];

  onTestCaseResult(testCase) {
    const { conformance } = testCase.meta();
    if (conformance === undefined) return;
    const { state, note } = testCase.result();
    // The same engine in two browsers is two engines.
    const browser = testCase.project.config.browser;
    const place = browser?.enabled ? ` (${browser.name})` : '';
    const outcome = { ...conformance, engine: `${conformance.engine}${place}`, state, reason: note };
    this.#lines.push(`${JSON.stringify(outcome)}\n`);
  }

  onTestRunEnd() {
    mkdirSync(dirname(OUTCOMES_FILE), { recursive: true });
    writeFileSync(OUTCOMES_FILE, this.#lines.join(''));
  }
}
