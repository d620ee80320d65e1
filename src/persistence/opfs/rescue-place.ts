/**
 * Where the rescue files of a store are, in the origin's private file system; little enough to be asked at every opening.
 *
 * @module
 */
import { rescuePath } from '../../origin/origin-names.js';

/** What is held by another worker, in the words of one browser or another. */
export const HELD_ERRORS: readonly string[] = ['NoModificationAllowedError', 'InvalidStateError'];

/**
 * The folder of a store's rescue files.
 *
 * @param create - whether it is made where it is missing
 * @returns undefined where it is missing, or where there is no such file system
 */
export async function rescuePlace(storeName: string, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    let folder = await fileSystem();
    for (const name of rescuePath(storeName)) folder = await folder?.getDirectoryHandle(name, { create });
    return folder;
  } catch {
    return undefined;
  }
}

/**
 * Deletes the rescue files of a store. There may be none.
 *
 * @returns whether there are none now; not, while a worker has them open
 */
export async function removeRescue(storeName: string): Promise<boolean> {
  const [parentName, name] = rescuePath(storeName);
  try {
    const parent = await (await fileSystem())?.getDirectoryHandle(parentName);
    await parent?.removeEntry(name, { recursive: true });
  } catch (error) {
    return !HELD_ERRORS.includes((error as Error).name);
  }
  return true;
}

/** In secure contexts, outside of some private windows, in dedicated workers. */
async function fileSystem(): Promise<FileSystemDirectoryHandle | undefined> {
  const { FileSystemFileHandle: handles, navigator } = globalThis as {
    readonly FileSystemFileHandle?: { readonly prototype: object };
    readonly navigator?: { readonly storage?: Partial<StorageManager> };
  };
  if (handles === undefined || !('createSyncAccessHandle' in handles.prototype)) return undefined;
  return navigator?.storage?.getDirectory?.();
}
