import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a page loads by address, so that a bundler that does not look for it leaves it behind. */
export const ASSETS: readonly string[] = ['worker.js', 'rescue-part.js', 'backup-worker.js', 'sql-wasm.wasm'];

/**
 * Copies the files of the workers, over older ones that are there.
 *
 * @param from - the folder of the build
 * @param to - is made where there is none
 * @returns their new paths
 */
export async function copyAssets(from: string, to: string): Promise<readonly string[]> {
  await mkdir(to, { recursive: true });
  return Promise.all(
    ASSETS.map(async (name) => {
      await copyFile(join(from, name), join(to, name));
      return join(to, name);
    }),
  );
}
