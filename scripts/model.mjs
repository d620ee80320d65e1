// Runs the model of synchronisation for many seeds:
// npm run model -- [--seeds N] [--first N] [--break NAME | --replay | --write FOLDER]
import { isAbsolute, join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { CACHE, ROOT, run } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  return (await run(process.execPath, [await bundleModel(), ...process.argv.slice(2)])).code;
});

/** One file for Node. */
async function bundleModel() {
  // Only installed by now, so not imported above.
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: join(ROOT, 'test/model/model-command.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const file = join(CACHE, 'model/model-command.mjs');
  await build.write({ file, format: 'esm', sourcemap: true });
  await build.close();
  return file;
}
