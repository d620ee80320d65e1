import { copyAssets } from '../assets/copy-assets.js';
import { EXIT, usageError } from './command.js';
import type { Command } from './command.js';

const USAGE = `Usage: daybook copy-assets <folder>

Copies worker.js, rescue-part.js, backup-worker.js and sql-wasm.wasm, which a page loads by address, for bundlers that do not do so
themselves (esbuild, Rollup), and for pages without one. Run it again after every update of the package: page and worker
must be of one release. Beside the page's scripts they are found; elsewhere name their places:

  openDaybook({ name: '…', workerUrl: '/<folder>/worker.js', backupWorkerUrl: '/<folder>/backup-worker.js' })

The wasm is looked for beside the workers.`;

/** `daybook copy-assets <folder>`: prints where each file is by now. */
export const COPY_ASSETS: Command = {
  usage: USAGE,
  async run([folder, ...rest], { packageFolder, write }) {
    if (folder === undefined || folder.startsWith('-') || rest.length > 0) throw usageError('One folder is needed.');
    for (const path of await copyAssets(packageFolder, folder)) write(path);
    return EXIT.done;
  },
};
