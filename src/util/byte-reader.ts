/** Reads what a `ByteWriter` wrote, and refuses what it cannot have written. */

// A mark of the byte order at the start is a character like any other: without it, what is read is not what was written.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads packed binary formats from the front. Every method throws `RangeError` or `TypeError` on malformed input. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Bytes that were not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Reads one byte. */
  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new RangeError('the bytes end too early');
    this.#at++;
    return value;
  }

  /** Reads a non-negative safe integer. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (!Number.isSafeInteger(value)) throw new RangeError('an integer is larger than 2^53 - 1');
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  }

  /**
   * Reads how many items follow. Each takes at least one byte, so a damaged count cannot make anybody allocate without end.
   *
   * @param max - where fewer are allowed than bytes are left
   */
  count(max: number = this.remaining): number {
    const count = this.varint();
    if (count > Math.min(max, this.remaining)) throw new RangeError('a count is larger than what can follow');
    return count;
  }

  /** A view (not a copy) of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const at = this.skip(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Passes over the next `count` bytes. @returns where they begin */
  skip(count: number): number {
    if (count > this.remaining) throw new RangeError('the bytes end too early');
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** A view (not a copy) of bytes whose length stands before them. */
  sized(): Uint8Array {
    return this.raw(this.varint());
  }

  /** Reads a text whose UTF-8 length stands before it. */
  text(): string {
    return textDecoder.decode(this.sized());
  }
}
