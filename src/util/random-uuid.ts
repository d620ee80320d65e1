import { bytesToUuid, UUID_BYTES } from './uuid-bytes.js';

/**
 * A random UUID (version 4). The one door to them, because `crypto.randomUUID` is missing where a page came over plain
 * `http:` from another machine, and `getRandomValues` is everywhere.
 */
export function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(UUID_BYTES));
  // Version 4, and the variant of RFC 9562.
  bytes[6] = ((bytes[6] as number) & 15) | 64;
  bytes[8] = ((bytes[8] as number) & 63) | 128;
  return bytesToUuid(bytes);
}
