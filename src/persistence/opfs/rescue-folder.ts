/**
 * Where the rescue files of a store lie: in the origin's private file system, which browsers keep apart from IndexedDB.
 *
 * Each worker has a pair of files for itself, as long as it lives: a handle is exclusive, in every browser that has them, so
 * no lock is needed, and whoever dies lets go. The next one takes the first pair that is free.
 *
 * @module
 */
import type { RescueFile } from '../rescue/rescue-file.js';
import type { RescueFiles } from '../rescue/rescue-files.js';
import { RescueSlot } from '../rescue/rescue-slot.js';
import { HELD_ERRORS } from './rescue-place.js';

// Workers that have a store open at once; those beyond it keep no copy.
const SLOTS_MAX = 32;
const FILES = ['a', 'b'] as const;
// An entry is written in less than the time of one attempt.
const READ_ATTEMPTS_MAX = 10;

/** A file of it, in workers: the types of a page leave it out. */
interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<RescueFile>;
}

/** The files of one store. */
export class RescueFolder implements RescueFiles {
  readonly #folder: FileSystemDirectoryHandle;
  readonly #own = new Set<number>();

  /** @param folder - as `rescuePlace` finds it */
  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async takeSlot(): Promise<RescueSlot | undefined> {
    for (let number = 0; number < SLOTS_MAX; number++) {
      const slot = await this.#take(number, true);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  async takeLeft(): Promise<readonly RescueSlot[]> {
    const left: RescueSlot[] = [];
    for (const number of await this.#numbers()) {
      const slot = this.#own.has(number) ? undefined : await this.#take(number, false);
      if (slot?.bytes === 0) slot.close();
      else if (slot !== undefined) left.push(slot);
    }
    return left;
  }

  async readAll(): Promise<readonly Uint8Array[]> {
    const all: Uint8Array[] = [];
    for (const number of await this.#numbers()) {
      const [first, second] = [await this.#read(`${number}a`), await this.#read(`${number}b`)];
      // While nothing was in the first one, what there is may have gone there from the second.
      const again = isEmpty(first) && isEmpty(second) ? await this.#read(`${number}a`) : undefined;
      for (const bytes of [first, second, again]) if (bytes !== undefined) all.push(bytes);
    }
    return all;
  }

  /** @returns undefined when there is none, or somebody writes into it all the time: who does that has what is in it */
  async #read(name: string): Promise<Uint8Array | undefined> {
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      try {
        const file = await (await this.#folder.getFileHandle(name)).getFile();
        return new Uint8Array(await file.arrayBuffer());
      } catch (error) {
        const { name: what } = error as Error;
        if (what === 'NotFoundError') return undefined;
        // It was written into since it was asked for.
        if (what !== 'NotReadableError') throw error;
      }
    }
    return undefined;
  }

  async #numbers(): Promise<readonly number[]> {
    const numbers: number[] = [];
    // The types of a page leave it out.
    const folder = this.#folder as unknown as { keys(): AsyncIterable<string> };
    for await (const name of folder.keys()) if (/^\d+a$/.test(name)) numbers.push(Number.parseInt(name, 10));
    return numbers.sort((one, other) => one - other);
  }

  async #take(number: number, create: boolean): Promise<RescueSlot | undefined> {
    const files: RescueFile[] = [];
    let slot: RescueSlot | undefined;
    try {
      for (const name of FILES) {
        const handle: WorkerFileHandle = await this.#folder.getFileHandle(`${number}${name}`, { create });
        const file = await handle.createSyncAccessHandle?.();
        if (file !== undefined) files.push(file);
      }
      const [first, second] = files;
      if (first !== undefined && second !== undefined) slot = RescueSlot.adopt([first, second]);
      if (slot !== undefined) this.#own.add(number);
      return slot;
    } catch (error) {
      // Held by another worker; or being deleted, or half made.
      if (HELD_ERRORS.includes((error as Error).name) || !create) return undefined;
      throw error;
    } finally {
      if (slot === undefined) for (const file of files) file.close();
    }
  }
}

/** Files begin with an entry, or have none. */
function isEmpty(bytes: Uint8Array | undefined): boolean {
  return bytes === undefined || bytes.length === 0 || bytes[0] === 0;
}
