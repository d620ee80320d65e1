/** All that is stored of some stores in this origin, by the ways that a page has: every value of IndexedDB, every file. */
import { settled } from './open-store.js';

/** Where bytes are found: `<database>/<object store>/<key>`, or the path of a file. */
export async function placesOf(wanted: Uint8Array, storeNames: readonly string[]): Promise<readonly string[]> {
  const places: string[] = [];
  const needle = latin1(wanted);
  const look = (place: string, value: unknown): void => {
    if (textsIn(value).some((text) => text.includes(needle))) places.push(place);
  };
  for (const name of storeNames) {
    const database = await settled(indexedDB.open(`daybook:${name}`));
    try {
      for (const of of database.objectStoreNames) {
        const objects = database.transaction(of, 'readonly').objectStore(of);
        const [keys, values] = await Promise.all([settled(objects.getAllKeys()), settled(objects.getAll())]);
        keys.forEach((key, index) => look(`${name}/${of}/${JSON.stringify(key)}`, values[index]));
      }
    } finally {
      database.close();
    }
  }
  for await (const { path, file } of filesBelow(await navigator.storage.getDirectory(), '')) {
    look(path, new Uint8Array(await file.arrayBuffer()));
  }
  return places;
}

/** Every file of the origin's private file system. */
export async function* filesBelow(
  folder: FileSystemDirectoryHandle,
  path: string,
): AsyncGenerator<{ readonly path: string; readonly file: File }> {
  const entries = (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values();
  for await (const handle of entries) {
    if (handle.kind === 'directory') {
      yield* filesBelow(handle as FileSystemDirectoryHandle, `${path}/${handle.name}`);
    } else yield { path: `${path}/${handle.name}`, file: await readNow(handle as FileSystemFileHandle) };
  }
}

/** A copy: one that is written into meanwhile cannot be read. */
async function readNow(handle: FileSystemFileHandle): Promise<File> {
  for (;;) {
    try {
      const file = await handle.getFile();
      return new File([await file.arrayBuffer()], handle.name);
    } catch (error) {
      if ((error as Error).name !== 'NotReadableError') throw error;
    }
  }
}

function textsIn(value: unknown): readonly string[] {
  if (value instanceof Uint8Array) return [latin1(value)];
  if (value instanceof ArrayBuffer) return [latin1(new Uint8Array(value))];
  return [JSON.stringify(value)];
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
