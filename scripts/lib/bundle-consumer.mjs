// Bundles the first example of the README as those who install the package do.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './project.mjs';

const WORKERS = [
  /^worker-[\w-]+\.js$/,
  /^backup-worker-[\w-]+\.js$/,
  /^rescue-part-[\w-]+\.js$/,
  /^sql-wasm-[\w-]+\.wasm$/,
];

/** @param {string} folder - where the package is installed */
export async function bundleConsumer(folder) {
  writeFileSync(join(folder, 'example.ts'), firstExample());
  await withVite(folder);
  await withoutAssets(folder);
}

function firstExample() {
  const [, code] = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  if (code?.includes('openDaybook') !== true)
    throw new Error('The README does not begin with an example of openDaybook.');
  return code;
}

/** Takes the workers and the wasm along by itself. */
async function withVite(folder) {
  const { build } = await import('vite');
  const page = join(folder, 'page');
  mkdirSync(page);
  writeFileSync(join(page, 'index.html'), '<script type="module" src="../example.ts"></script>');
  await build({ root: page, configFile: false, logLevel: 'error' });
  const assets = readdirSync(join(page, 'dist/assets'));
  const missing = WORKERS.filter((name) => !assets.some((asset) => name.test(asset)));
  if (missing.length > 0) throw new Error(`Vite left behind ${missing.join(', ')}: there is ${assets.join(', ')}.`);
}

/** As esbuild and Rollup do it, which write one file: there they take no module that is loaded later. */
async function withoutAssets(folder) {
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({ input: join(folder, 'example.ts'), platform: 'browser' });
  const { output } = await bundle.generate({ format: 'esm' });
  await bundle.close();
  if (output.length > 1) throw new Error(`More than one file: ${output.map(({ fileName }) => fileName).join(', ')}.`);
  for (const name of ['worker.js', 'backup-worker.js']) {
    // What `copy-assets` puts beside the bundle is found by this.
    if (!output[0].code.includes(`new URL("./${name}", import.meta.url)`))
      throw new Error(`The place of ${name} is lost.`);
  }
}
