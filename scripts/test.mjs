// Runs all tests: in Node, in workerd, in the browsers, and from end to end. Arguments choose among them: node, workerd,
// browser, e2e.
// The last line is `N passed, N failed`.
import { mainOnOwnNode } from './lib/own-node.mjs';
import { printConformanceMatrix } from './lib/conformance-matrix.mjs';
import { printTotals, RUNNERS, runTests } from './lib/test-runners.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !RUNNERS.includes(name));
  if (unknown.length > 0) throw new Error(`No tests ${unknown.join(', ')}; there are ${RUNNERS.join(', ')}.`);
  const totals = await runTests(names.length === 0 ? RUNNERS : names);
  printConformanceMatrix();
  printTotals(totals);
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
});
