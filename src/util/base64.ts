/** Standard base64 (RFC 4648, padded), by the platform. */

interface Base64Native {
  readonly toBase64?: (this: Uint8Array) => string;
}
interface Base64NativeConstructor {
  readonly fromBase64?: (this: void, text: string) => Uint8Array<ArrayBuffer>;
}

// Node's own way, several times faster than by strings, where the platform has no better one yet.
interface NodeBuffer {
  from(bytes: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64'): string };
}
const { Buffer: nodeBuffer } = globalThis as { Buffer?: NodeBuffer };

// Arguments of one call of String.fromCharCode: more overflows the stack.
const CHUNK_BYTES = 0x8000;

/** Encodes bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  const native = (bytes as Base64Native).toBase64;
  if (native !== undefined) return native.call(bytes);
  if (nodeBuffer !== undefined) return nodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    // Not spread: that would iterate, at five times the cost.
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK_BYTES) as unknown as number[]);
  }
  return btoa(binary);
}

/**
 * Decodes base64.
 *
 * @throws an error of the platform (SyntaxError or DOMException) when the text is not base64
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as Base64NativeConstructor).fromBase64;
  return native === undefined ? Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) : native(text);
}
