// Runs the simulation of devices and servers for many seeds:
// npm run simulate -- [--seeds N] [--devices D] [--first N] [--json FILE] [--bug NAME|all] [--shrink FILE] [--plan FILE]
import { isAbsolute, join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { CACHE, ROOT, run } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  return (await run(process.execPath, [await bundleSimulation(), ...process.argv.slice(2)])).code;
});

/** One file for Node. */
async function bundleSimulation() {
  // Only installed by now, so not imported above.
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: join(ROOT, 'test/simulation/simulate.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const file = join(CACHE, 'simulation/simulate.mjs');
  await build.write({ file, format: 'esm', sourcemap: true });
  await build.close();
  return file;
}
