import { bytesToUuid, UUID_BYTES } from './uuid-bytes.js';

const pool = new Uint8Array(64 * UUID_BYTES);
let poolAt = pool.length;

/**
 * A random UUID (version 4). The one door to them, because `crypto.randomUUID` is missing where a page came over plain
 * `http:` from another machine, and `getRandomValues` is everywhere.
 */
export function randomUuid(): string {
  return bytesToUuid(randomUuidBytes());
}

/** The same as its 16 bytes. Random bytes are taken for many at once: the platform's call takes longer than all the rest. */
export function randomUuidBytes(): Uint8Array<ArrayBuffer> {
  if (poolAt === pool.length) {
    crypto.getRandomValues(pool);
    poolAt = 0;
  }
  const bytes = pool.slice(poolAt, (poolAt += UUID_BYTES));
  // Version 4, and the variant of RFC 9562.
  bytes[6] = ((bytes[6] as number) & 15) | 64;
  bytes[8] = ((bytes[8] as number) & 63) | 128;
  return bytes;
}
