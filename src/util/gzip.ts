import { boundedBytes } from './bounded-body.js';
import type { BoundedBytes } from './bounded-body.js';

/**
 * Compresses with gzip, as HTTP has it.
 *
 * @returns `undefined` where the platform cannot
 */
export async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (typeof CompressionStream !== 'function') return undefined;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Unpacks up to a number of bytes; the rest is not unpacked.
 *
 * @throws what the platform throws when the bytes are not gzip, or not all of it
 */
export async function gunzipped(bytes: Uint8Array<ArrayBuffer>, bytesMax: number): Promise<BoundedBytes> {
  return await boundedBytes(
    { body: new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')) },
    bytesMax,
  );
}
