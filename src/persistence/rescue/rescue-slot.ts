/**
 * Two files that one worker has for itself: entries go to the end of one of them; where most of them are of no use any
 * more, those that are go to the other.
 *
 * Invariants, whoever is killed at whatever moment:
 * 1. What was appended is in one of the files, or in both. Readers take what both have; twice is no harm.
 * 2. A file is emptied only after the other has all of it that counts, safe from a power cut.
 * 3. There is always room for a note of {@link NOTE_BYTES_MAX}: it was reserved with what was appended before.
 *
 * Files are made once and never renamed nor deleted: browsers keep the names of files in a database of the same kind as
 * the one whose loss this is for.
 *
 * @module
 */
import { readEntries } from './rescue-entry.js';
import type { RescueEntry } from './rescue-entry.js';
import { readWhole } from './rescue-file.js';
import type { RescueFile } from './rescue-file.js';

/** Bytes of a note, at most. */
export const NOTE_BYTES_MAX = 4_096;
// To ask for room takes the browser longer than to write an entry.
const RESERVED_BYTES = 64 * 1024;
// What is pending for weeks has a few megabytes. Whatever else it is, memory has to take it as a whole.
const BYTES_MAX = 128 * 1024 * 1024;

/** The files of one worker. Methods throw what the files do, and leave what was there before. */
export class RescueSlot {
  readonly #files: readonly [RescueFile, RescueFile];
  #current: 0 | 1 = 0;
  #end = 0;
  #reserved = 0;

  private constructor(files: readonly [RescueFile, RescueFile]) {
    this.#files = files;
  }

  /**
   * Takes files over, with what an earlier worker has left in them.
   *
   * @param files - owned from then on
   * @returns undefined when a later version has written into them: they are left as they are, and open
   */
  static adopt(files: readonly [RescueFile, RescueFile]): RescueSlot | undefined {
    const slot = new RescueSlot(files);
    const [first, second] = files.map((file) => readEntries(readWhole(file))) as [Read, Read];
    if (first.isNewer || second.isNewer) return undefined;
    if (first.entries.length === 0) slot.#current = 1;
    const current = slot.#current === 0 ? first : second;
    slot.#end = current.end;
    slot.#reserved = files[slot.#current].getSize();
    if (first.entries.length > 0 && second.entries.length > 0) {
      // Whoever had them was killed while these went from one to the other.
      for (const { bytes } of second.entries) slot.append(bytes);
      files[0].flush();
      files[1].truncate(0);
    }
    return slot;
  }

  /** Bytes that entries take. */
  get bytes(): number {
    return this.#end;
  }

  /** All entries, in their order. */
  entries(): readonly RescueEntry[] {
    return readEntries(readWhole(this.#file)).entries;
  }

  /** Adds entries. */
  append(bytes: Uint8Array): void {
    this.#reserve(this.#file, this.#end + bytes.length);
    writeAt(this.#file, bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Writes an entry where the next one will be written, in room that is there in any case. */
  note(bytes: Uint8Array): void {
    if (bytes.length <= NOTE_BYTES_MAX) writeAt(this.#file, bytes, this.#end);
  }

  /** Exchanges everything for other entries, which have all that counts. */
  rewrite(entries: readonly Uint8Array[]): void {
    const [before, file] = [this.#file, this.#files[1 - this.#current] as RescueFile];
    const reserved = this.#reserved;
    let end = 0;
    try {
      file.truncate(0);
      this.#reserved = 0;
      this.#reserve(
        file,
        entries.reduce((sum, { length }) => sum + length, 0),
      );
      for (const bytes of entries) {
        writeAt(file, bytes, end);
        end += bytes.length;
      }
      file.flush();
    } catch (error) {
      this.#reserved = reserved;
      throw error;
    }
    this.#current = this.#current === 0 ? 1 : 0;
    this.#end = end;
    before.truncate(0);
  }

  /** What was appended survives a power cut from then on. */
  flush(): void {
    this.#file.flush();
  }

  /** Lets go of the files, for whoever comes next. */
  close(): void {
    for (const file of this.#files) file.close();
  }

  get #file(): RescueFile {
    return this.#files[this.#current];
  }

  #reserve(file: RescueFile, end: number): void {
    const needed = end + NOTE_BYTES_MAX;
    if (needed <= this.#reserved) return;
    if (needed > BYTES_MAX) throw new RangeError(`A rescue file has ${BYTES_MAX} bytes at most.`);
    const reserved = Math.ceil(needed / RESERVED_BYTES) * RESERVED_BYTES;
    file.truncate(reserved);
    this.#reserved = reserved;
  }
}

type Read = ReturnType<typeof readEntries>;

function writeAt(file: RescueFile, bytes: Uint8Array, at: number): void {
  const written = file.write(bytes as Uint8Array<ArrayBuffer>, { at });
  if (written !== bytes.length) throw new RangeError(`Only ${written} of ${bytes.length} bytes were written.`);
}
