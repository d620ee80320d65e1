// Builds dist/: JavaScript and the workers by Rolldown, types by tsc. `--no-types` leaves the types out.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, DIST, runOrFail } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  // What is imported from node_modules is there only now.
  const [{ assertLoadable }, { libraryBuild, workerBuild, backupWorkerBuild }, { rolldown }] = await Promise.all([
    import('./lib/loadable-build.mjs'),
    import('../rolldown.config.mjs'),
    import('rolldown'),
  ]);
  rmSync(DIST, { recursive: true, force: true });
  for (const options of [libraryBuild, workerBuild, backupWorkerBuild]) {
    const build = await rolldown(options);
    await build.write(options.output);
    await build.close();
  }
  assertLoadable(DIST);
  if (!process.argv.includes('--no-types')) await runOrFail(join(BIN, 'tsc'), ['-p', 'tsconfig.build.json']);
  console.log('Built dist/');
});
