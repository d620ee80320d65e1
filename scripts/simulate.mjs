// Runs the simulation of devices and servers for many seeds:
// npm run simulate -- [--seeds N] [--devices D] [--first N] [--json FILE] [--bug NAME|all] [--shrink NAME [--story TEXT]]
//   [--plan FILE] [--real [--seconds N]]
// With --real: one run in real browsers with a real PostgreSQL. Installs and builds what is missing for it first.
import { isAbsolute, join } from 'node:path';
import { ensureBrowsers } from './lib/browser-setup.mjs';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { CACHE, ROOT, childEnvironment, run, runOrFail } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const args = process.argv.slice(2);
  if (!args.includes('--real')) return (await run(process.execPath, [await bundleSimulation(), ...args])).code;
  await runOrFail(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--no-types']);
  const env = childEnvironment(await ensureBrowsers());
  return (await run(process.execPath, [await bundleSimulation(), ...args], { env })).code;
});

/** For Node: what comes from packages stays outside. @returns the file to run; the server of a real run is beside it */
async function bundleSimulation() {
  // Only installed by now, so not imported above.
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: {
      simulate: join(ROOT, 'test/simulation/simulate.ts'),
      'real-server': join(ROOT, 'test/simulation/real/real-server.ts'),
    },
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const dir = join(CACHE, 'simulation');
  await build.write({
    dir,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
  await build.close();
  return join(dir, 'simulate.mjs');
}
