// Runs the steps of a script one after the other, all of them, and says at the end which ones failed.

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => Promise<unknown>} run - an error, or a number other than 0, is a failure
 */

/**
 * @param {readonly Step[]} steps
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runSteps(steps) {
  const rows = [];
  for (const step of steps) {
    console.log(`\n── ${step.name}`);
    const startMs = performance.now();
    const isPassed = await succeeds(step);
    rows.push({ name: step.name, isPassed, seconds: (performance.now() - startMs) / 1000 });
  }
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
    console.error(error.message);
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
