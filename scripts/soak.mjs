// Kills browsers under load and looks whether anything is lost: npm run soak -- [--rounds N] [--seed N] [--browser NAME]
// Installs and builds what is missing first.
import { isAbsolute, join } from 'node:path';
import { ensureBrowsers } from './lib/browser-setup.mjs';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { CACHE, ROOT, childEnvironment, run, runOrFail } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  await runOrFail(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--no-types']);
  const env = childEnvironment(await ensureBrowsers());
  return (await run(process.execPath, [await bundleSoak(), ...process.argv.slice(2)], { env })).code;
});

/** One file for Node; what comes from packages stays outside. */
async function bundleSoak() {
  // Only installed by now, so not imported above.
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: join(ROOT, 'test/soak/soak-command.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const file = join(CACHE, 'soak/soak-command.mjs');
  await build.write({ file, format: 'esm', sourcemap: true });
  await build.close();
  return file;
}
