/** Writes integers, text and bytes into a buffer that grows. */

const CAPACITY_INITIAL = 256;
const SEVEN_BITS = 0x80;
const textEncoder = new TextEncoder();

/** Append-only writer of packed binary formats. Not reusable after {@link ByteWriter.finish}. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param capacity - bytes to reserve; a good guess saves copies */
  constructor(capacity: number = CAPACITY_INITIAL) {
    this.#bytes = new Uint8Array(Math.max(capacity, 1));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Writes one byte. */
  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Writes a non-negative safe integer, seven bits a byte, least significant first (LEB128). */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= SEVEN_BITS) {
      this.#bytes[this.#length++] = (rest % SEVEN_BITS) | SEVEN_BITS;
      rest = Math.floor(rest / SEVEN_BITS);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Writes bytes as they are, without their length. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes the length as a varint, then the bytes. */
  sized(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Writes the length in UTF-8 bytes as a varint, then the UTF-8 bytes. */
  text(value: string): void {
    this.sized(textEncoder.encode(value));
  }

  /** The written bytes, at the start of a buffer of exactly their length, so that it can be transferred. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.length === this.#length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
