// Runs benchmarks: npm run bench -- [B1 B3 …] [--rounds N] [--seed N] [--json FILE] [--markdown FILE]
// Installs and builds what is missing first. See bench/README.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { ensureBrowsers } from './lib/browser-setup.mjs';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { DIST, ROOT, childEnvironment, run, runOrFail } from './lib/project.mjs';

const BENCH = join(ROOT, 'bench');

await mainOnOwnNode(import.meta.url, async () => {
  await ensureContenders();
  await runOrFail(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--no-types']);
  const runner = await bundleRunner();
  const env = childEnvironment({ ...(await ensureBrowsers()), DAYBOOK_BENCH_FOLDER: BENCH, DAYBOOK_DIST_FOLDER: DIST });
  // File names on the command line are relative to where the user is, not to the project.
  const cwd = process.env.INIT_CWD ?? process.cwd();
  return (await run(process.execPath, [runner, ...process.argv.slice(2)], { env, cwd })).code;
});

/** The contenders are heavy, so they are not among the project's own packages. */
async function ensureContenders() {
  const lock = readFileSync(join(BENCH, 'package-lock.json'), 'utf8');
  const stamp = join(BENCH, 'node_modules', '.daybook-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing the contenders (npm ci in bench) …');
  await runOrFail('npm', ['ci', '--no-audit', '--no-fund'], { cwd: BENCH });
  writeFileSync(stamp, lock);
}

/** Files for Node: the runner, and the process of devices. What comes from packages stays outside, and is found from bench/node_modules upwards. */
async function bundleRunner() {
  // Only installed by now, so not imported above.
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: { runner: join(BENCH, 'runner/main.ts'), 'load-client': join(BENCH, 'load/load-client.ts') },
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const dir = join(BENCH, 'dist');
  await build.write({ dir, format: 'esm', sourcemap: true });
  await build.close();
  return join(dir, 'runner.js');
}
