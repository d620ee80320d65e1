import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ArchivePlace } from '../../archive/archive-place.js';
import { ProgrammingError } from '../../persistence/errors.js';

/**
 * Keeps archives as files of a folder, which must be there. A file has its name when all of it is on the disk, and the folder
 * knows of it.
 *
 * @example
 * ```ts
 * const place = folderArchive('/archives/shop');
 * ```
 */
export function folderArchive(path: string): ArchivePlace {
  if (typeof path !== 'string' || path === '') throw new ProgrammingError('An archive needs the path of a folder.');
  return {
    async write(name, file) {
      const target = resolve(join(path, name));
      await pipeline(file, createWriteStream(`${target}.part`, { flags: 'wx', flush: true }));
      await rename(`${target}.part`, target);
      await syncFolder(dirname(target));
      return pathToFileURL(target).href;
    },
    read: (uri) => createReadStream(fileURLToPath(uri)),
  };
}

/** A file that was renamed is there after a power cut only when its folder was written. */
async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders, and writes their entries by itself.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
