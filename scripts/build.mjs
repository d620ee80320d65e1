// Builds dist/: JavaScript and the workers by Rolldown, types by tsc. `--no-types` leaves the types out.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, DIST, runOrFail } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  // What is imported from node_modules is there only now.
  const [{ assertLoadable }, { libraryBuild, workerBuild, backupWorkerBuild, rescuePartBuild }, { rolldown }] =
    await Promise.all([import('./lib/loadable-build.mjs'), import('../rolldown.config.mjs'), import('rolldown')]);
  rmSync(DIST, { recursive: true, force: true });
  for (const options of [libraryBuild, workerBuild, backupWorkerBuild, rescuePartBuild]) {
    const build = await rolldown(options);
    await build.write(options.output);
    await build.close();
  }
  assertLoadable(DIST);
  if (!process.argv.includes('--no-types')) {
    await runOrFail(join(BIN, 'tsc'), ['-p', 'tsconfig.build.json']);
    makeTypesReadable();
  }
  console.log('Built dist/');
});

/** Before TypeScript 5.7 arrays of bytes had no parameter. What `slice` gives is called rightly by every version. */
function makeTypesReadable() {
  for (const file of readdirSync(join(DIST, 'types'), { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue;
    const path = join(DIST, 'types', file);
    const types = readFileSync(path, 'utf8');
    const readable = types.replaceAll('Uint8Array<ArrayBuffer>', "ReturnType<Uint8Array['slice']>");
    if (readable !== types) writeFileSync(path, readable);
  }
}
