// Runs the steps of a script, all of them, and says at the end which ones failed.
import { collectingOutput } from './project.mjs';

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => Promise<unknown>} run - an error, or a number other than 0, is a failure
 * @property {string} [after] - the step that it needs, which comes before it in the list
 */

/**
 * @param {readonly Step[]} steps - in the order in which they are begun
 * @param {number} [atOnce] - so many at a time; what they print is then shown when each has ended
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runSteps(steps, atOnce = 1) {
  const rows = new Map();
  const waiting = [...steps];
  const begun = new Map();
  const lane = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const running = (begun.get(step.after) ?? Promise.resolve()).then(() => runStep(step, atOnce > 1));
      begun.set(step.name, running);
      rows.set(step, await running);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return summary(steps.map((step) => rows.get(step)));
}

async function runStep(step, isCollected) {
  const startMs = performance.now();
  const title = `\n── ${step.name}`;
  if (!isCollected) console.log(title);
  const { value: isPassed, output } = isCollected
    ? await collectingOutput(() => succeeds(step))
    : { value: await succeeds(step), output: '' };
  if (isCollected) console.log([title, ...(output === '' ? [] : [output.trimEnd()])].join('\n'));
  return { name: step.name, isPassed, seconds: (performance.now() - startMs) / 1000 };
}

function summary(rows) {
  printTable(rows);
  const passed = rows.filter(({ isPassed }) => isPassed).length;
  return { passed, failed: rows.length - passed };
}

/** The steps whose names are given; all of them when none is. */
export function chooseSteps(steps, names) {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    throw new Error(`No step ${unknown.join(', ')}; there are ${steps.map(({ name }) => name).join(', ')}.`);
  }
  return names.length === 0 ? steps : steps.filter(({ name }) => names.includes(name));
}

async function succeeds(step) {
  try {
    const result = await step.run();
    return typeof result !== 'number' || result === 0;
  } catch (error) {
    console.error(`${step.name}: ${error.message}`);
    return false;
  }
}

function printTable(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  console.log('');
  for (const { name, isPassed, seconds } of rows) {
    console.log(`${isPassed ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s`);
  }
}
