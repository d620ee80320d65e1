// What to run before every commit: format, lint, types, import rules, unit tests. Names of steps run only those.
import { join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, run } from './lib/project.mjs';
import { STATIC_STEPS } from './lib/static-steps.mjs';
import { chooseSteps, runSteps } from './lib/step-table.mjs';

const UNIT = {
  name: 'unit',
  run: async () => (await run(join(BIN, 'vitest'), ['run', '--project', 'node'])).code,
};

await mainOnOwnNode(import.meta.url, async () => {
  const { failed } = await runSteps(chooseSteps([...STATIC_STEPS, UNIT], process.argv.slice(2)));
  return failed > 0 ? 1 : 0;
});
