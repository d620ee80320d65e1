/**
 * Where archives are kept.
 *
 * @module
 */
import type { ByteStream } from '../util/byte-chunks.js';

/** A place that keeps files: a folder (`folderArchive` of `daybook/node`), or an object store of your own. */
export interface ArchivePlace {
  /**
   * Keeps a file, durably, before it resolves: what it has is deleted afterwards.
   *
   * @param name - of letters, digits, `-` and `.`; never used before
   * @returns where it is: what `read` finds it by, for as long as there is anything that may ask for it
   */
  write(name: string, file: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string>;
  /** Reads a file, anew from where it is kept. */
  read(uri: string): Blob | ByteStream | Promise<Blob | ByteStream>;
}
