import { bytesToUuid, UUID_BYTES, uuidToBytes } from './uuid-bytes.js';

/**
 * Turns UUIDs into bytes or texts, one after another: events of one aggregate often follow each other, and to compare
 * with the one before takes less than to make it again.
 */
export class LastUuid {
  #bytes: Uint8Array = new Uint8Array(0);
  #text = '';

  /** The canonical form of the 16 bytes at `at`. They must not change later. */
  toText(bytes: Uint8Array, at: number): string {
    if (!isSame(bytes, at, this.#bytes)) {
      this.#bytes = bytes.subarray(at, at + UUID_BYTES);
      this.#text = bytesToUuid(this.#bytes);
    }
    return this.#text;
  }

  /** The bytes of a UUID in canonical form: not to be changed. */
  toBytes(text: string): Uint8Array {
    if (text !== this.#text) {
      this.#text = text;
      this.#bytes = uuidToBytes(text);
    }
    return this.#bytes;
  }
}

function isSame(bytes: Uint8Array, at: number, last: Uint8Array): boolean {
  if (last.length !== UUID_BYTES) return false;
  for (let index = 0; index < UUID_BYTES; index++) if (bytes[at + index] !== last[index]) return false;
  return true;
}
