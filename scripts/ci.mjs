// Everything that must hold: what .ci/run runs. Static steps count as one passed or failed item each.
import { mainOnOwnNode } from './lib/own-node.mjs';
import { run } from './lib/project.mjs';
import { STATIC_STEPS } from './lib/static-steps.mjs';
import { runSteps } from './lib/step-table.mjs';
import { printConformanceMatrix } from './lib/conformance-matrix.mjs';
import { printTotals, RUNNERS, runTests, sum } from './lib/test-runners.mjs';

// Each takes one processor.
const STEPS_AT_ONCE = 2;

const script = (name) => async () => (await run(process.execPath, [`scripts/${name}.mjs`])).code;

await mainOnOwnNode(import.meta.url, async () => {
  const steps = await runSteps(
    [
      ...STATIC_STEPS,
      { name: 'build', run: script('build') },
      { name: 'size', run: script('size'), after: 'build' },
      { name: 'package', run: script('package-check'), after: 'build' },
    ],
    STEPS_AT_ONCE,
  );
  const tests = await runTests(RUNNERS).catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  const totals = sum([{ ...steps, skipped: 0 }, tests]);
  printConformanceMatrix();
  printTotals(totals);
  return totals.failed > 0 || tests.passed === 0 ? 1 : 0;
});
