/** SHA-256, as the platform does it. */
import { webCrypto } from './web-crypto.js';

/** Bytes of a digest. */
export const SHA256_BYTES = 32;

/**
 * The digest of bytes, made off this thread where the platform does so.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) where there is no WebCrypto
 */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await webCrypto().digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

/** Bytes as text, to compare and to look up by: two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
