// What failed, named once more at the end: whoever reads the last lines of a log only needs no other.

/**
 * @typedef {object} FailedTest
 * @property {string} file
 * @property {string} name
 * @property {string} message
 */

const MESSAGE_LINES_MAX = 12;
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'gu');

/**
 * @param {object} report - of Vitest's JSON reporter
 * @returns {FailedTest[]}
 */
export function failedInVitest(report) {
  return report.testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    // A file that cannot be loaded has failed without any test.
    if (failed.length === 0 && status === 'failed') return [{ file, name: '(the file)', message }];
    return failed.map(({ fullName, failureMessages }) => ({
      file,
      name: fullName,
      message: failureMessages.join('\n'),
    }));
  });
}

/**
 * @param {object} report - of Playwright's JSON reporter
 * @returns {FailedTest[]}
 */
export function failedInPlaywright(report) {
  const inSuite = (suite) => [
    ...(suite.suites ?? []).flatMap(inSuite),
    ...(suite.specs ?? []).filter(({ ok }) => !ok).flatMap(failuresOf),
  ];
  return [
    ...(report.errors ?? []).map((error) => ({ file: '', name: '(the run)', message: wordsOf(error) })),
    ...report.suites.flatMap(inSuite),
  ];
}

/** @param {readonly FailedTest[]} failed */
export function printFailedTests(failed) {
  for (const { file, name, message } of failed) {
    const lines = message.replaceAll(COLOURS, '').split('\n').slice(0, MESSAGE_LINES_MAX);
    console.log(`\nFAILED  ${file}\n        ${name}\n${lines.map((line) => `        ${line}`).join('\n')}`);
  }
}

function failuresOf({ file, title, tests }) {
  return tests
    .filter(({ status }) => status === 'unexpected' || status === 'flaky')
    .map(({ projectName, results }) => ({
      file,
      name: `${title} (${projectName})`,
      message: results.flatMap(({ errors }) => errors.map(wordsOf)).join('\n'),
    }));
}

/** What is thrown need not be an error. */
function wordsOf({ message, value }) {
  return message ?? value ?? '';
}
