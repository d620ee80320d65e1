/**
 * Compression of stored states.
 *
 * @module
 */

/** Makes bytes smaller, and whole again. May be asynchronous. */
export interface Compressor {
  compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** @throws DecompressionError (`DECOMPRESSION_ERROR`) when the bytes are not what `compress` made */
  decompress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
