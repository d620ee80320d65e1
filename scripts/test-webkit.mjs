// Runs the browser tests in WebKitGTK, where it is installed, and kills it while it writes. No part of `npm test`.
// With --required, not being able to is a failure. The last line is `N passed, N failed`, or why it was skipped.
import { mainOnOwnNode } from './lib/own-node.mjs';
import { printTotals, runWebKitTests } from './lib/test-runners.mjs';
import { findWebKit } from './lib/webkit-setup.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const args = process.argv.slice(2);
  const unknown = args.filter((arg) => arg !== '--required');
  if (unknown.length > 0) throw new Error(`No option ${unknown.join(', ')}; there is --required.`);
  const { env, missing } = findWebKit();
  if (missing.length > 0) {
    console.log(`WebKitGTK is tested with Debian's packages: apt-get install ${missing.join(' ')}`);
    console.log(`skipped, because ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not installed`);
    return args.includes('--required') ? 1 : 0;
  }
  const totals = await runWebKitTests(env);
  printTotals(totals);
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
});
