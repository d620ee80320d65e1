#!/usr/bin/env node
/**
 * `daybook`: what is to be done once in a project. Ends with 0 when it is done, 1 when it could not be, 2 when the command
 * line is wrong.
 *
 * @module
 */
import { copyAssets } from './copy-assets.js';

const USAGE = `Usage: daybook copy-assets <folder>

Copies worker.js, rescue-part.js, backup-worker.js and sql-wasm.wasm, which a page loads by address, for bundlers that do not do so
themselves (esbuild, Rollup), and for pages without one. Run it again after every update of the package: page and worker
must be of one release. Beside the page's scripts they are found; elsewhere name their places:

  openDaybook({ name: '…', workerUrl: '/<folder>/worker.js', backupWorkerUrl: '/<folder>/backup-worker.js' })

The wasm is looked for beside the workers.`;

async function main([command, folder, ...rest]: readonly string[]): Promise<number> {
  if (command === '--help' || command === '-h') {
    console.log(USAGE);
    return 0;
  }
  if (command !== 'copy-assets' || folder === undefined || folder.startsWith('-') || rest.length > 0) {
    console.error(USAGE);
    return 2;
  }
  try {
    for (const path of await copyAssets(import.meta.dirname, folder)) console.log(path);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
