/**
 * zlib (RFC 1950), as Python's `zlib.compress` writes it.
 *
 * @module
 */
import type { Compressor } from './compressor.js';
import { DecompressionError } from '../errors.js';
import { validateCount } from '../validation.js';

/** Bytes that a state may become, unless told otherwise: a small bomb of deflate can ask for gigabytes. */
export const DECOMPRESSED_BYTES_MAX_DEFAULT = 67_108_864;

// Given at once to a stream that decompresses: Chromium's makes all of it before anybody can look how much that is, and
// deflate makes 1,032 bytes of one at the most.
const STREAMED_BYTES = 4_096;

/** Options of {@link ZlibCompressor}. */
export interface ZlibCompressorOptions {
  /** Bytes that one state may become; more is refused. @defaultValue 67 108 864 (64 MiB) */
  readonly decompressedBytesMax?: number;
}

// What of node:zlib is used here, by shape: browsers have no such types.
interface NodeZlib {
  deflateSync(bytes: Uint8Array): Uint8Array;
  inflateSync(
    bytes: Uint8Array,
    options: { readonly maxOutputLength: number; readonly info: true },
  ): { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
}

/**
 * Compresses with zlib: by `CompressionStream` in browsers and workers, by `node:zlib` in Node, where a stream costs
 * ten times as much as the work. States of less than about 100 bytes grow.
 *
 * @example
 * ```ts
 * const mapper = new Mapper({ transcoder, compressor: new ZlibCompressor() });
 * ```
 */
export class ZlibCompressor implements Compressor {
  readonly #decompressedBytesMax: number;
  readonly #nodeZlib: NodeZlib | undefined = nodeZlib();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the number of bytes is none: nothing would be too large */
  constructor(options: ZlibCompressorOptions = {}) {
    const { decompressedBytesMax = DECOMPRESSED_BYTES_MAX_DEFAULT } = options;
    validateCount('decompressedBytesMax', decompressedBytesMax);
    this.#decompressedBytesMax = decompressedBytesMax;
  }

  compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (this.#nodeZlib !== undefined) return plain(this.#nodeZlib.deflateSync(bytes));
    return pump([bytes], new CompressionStream('deflate'), Infinity);
  }

  /** @throws DecompressionError (`DECOMPRESSION_ERROR`) when the bytes are not zlib's, are cut short, go on after their end, or become too large */
  async decompress(bytes: Uint8Array): Promise<Uint8Array> {
    try {
      if (this.#nodeZlib !== undefined) return inflated(this.#nodeZlib, bytes, this.#decompressedBytesMax);
      return await pump(slices(bytes), new DecompressionStream('deflate'), this.#decompressedBytesMax);
    } catch (cause) {
      throw new DecompressionError(
        `The bytes are not zlib's, or become more than ${this.#decompressedBytesMax} bytes. Was the state written with a compressor?`,
        { cause, details: { decompressedBytesMax: this.#decompressedBytesMax } },
      );
    }
  }
}

function nodeZlib(): NodeZlib | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.('node:zlib') as NodeZlib | undefined;
}

/** Node passes over what comes after the end, and the streams of browsers refuse it: so it is refused here too. */
function inflated(zlib: NodeZlib, bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  const { buffer, engine } = zlib.inflateSync(bytes, { maxOutputLength, info: true });
  if (engine.bytesWritten !== bytes.length) throw new RangeError('there are bytes after the end');
  return plain(buffer);
}

/** Without Node's Buffer around it, which has other methods under the same names. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += STREAMED_BYTES) yield bytes.subarray(at, at + STREAMED_BYTES);
}

async function feed(parts: Iterable<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter();
  for (const part of parts) await writer.write(part);
  await writer.close();
}

/** Sends bytes through a stream and gathers what comes out, up to a limit. */
async function pump(
  parts: Iterable<Uint8Array>,
  stream: GenericTransformStream,
  bytesMax: number,
): Promise<Uint8Array> {
  // Its failure arrives at the reader as well, and is met there.
  feed(parts, stream.writable as WritableStream<Uint8Array>).catch(() => undefined);
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks, length);
    length += value.length;
    if (length > bytesMax) {
      await reader.cancel();
      throw new RangeError(`more than ${bytesMax} bytes`);
    }
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
