// Scripts are started by whatever Node the system has; the tools need a newer one, which is among the installed packages.
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './installed-packages.mjs';
import { BIN, main, run } from './project.mjs';

/**
 * Installs what is missing, then does the work on the project's own Node.
 *
 * @param {string} scriptUrl - `import.meta.url` of the script
 * @param {() => Promise<number | void>} work - its result is the exit code
 */
export async function mainOnOwnNode(scriptUrl, work) {
  await main(async () => {
    await ensureInstalled();
    const ownNode = join(BIN, 'node');
    if (realpathSync(ownNode) === realpathSync(process.execPath)) return work();
    return (await run(ownNode, [fileURLToPath(scriptUrl), ...process.argv.slice(2)])).code;
  });
}
