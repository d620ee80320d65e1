// Sets a server back by an hour of the work of many devices, and times how they bring it back:
// npm run heal -- [--devices N] [--units N]
import { join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, childEnvironment, run } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const env = childEnvironment({ HEAL_DEVICES: countOf('devices', '100'), HEAL_UNITS: countOf('units', '3000') });
  return (
    await run(join(BIN, 'vitest'), ['run', '--project=node', 'test/sync/exchange/healing-fleet.test.ts'], { env })
  ).code;
});

function countOf(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : otherwise;
}
