/**
 * UUIDs between their canonical text and their 16 bytes.
 *
 * Not the `uuid` library's functions: those refuse UUIDs of versions that RFC 9562 does not know, such as
 * `00000000-0000-0000-0000-000000000001`, which Python and PostgreSQL store without complaint.
 */

const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEX_BY_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const DASHES_BEFORE: ReadonlySet<number> = new Set([4, 6, 8, 10]);

/** Bytes of a UUID. */
export const UUID_BYTES = 16;

/** Whether a text is a UUID in canonical form: lower case, with dashes. */
export function isCanonicalUuid(text: string): boolean {
  return CANONICAL.test(text);
}

/** The bytes of a UUID in canonical form, in network order. The text is trusted. */
export function uuidToBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(UUID_BYTES);
  let at = 0;
  for (let index = 0; index < UUID_BYTES; index++) {
    if (DASHES_BEFORE.has(index)) at++;
    bytes[index] = (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));
    at += 2;
  }
  return bytes;
}

/** The canonical form of 16 bytes. */
export function bytesToUuid(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < UUID_BYTES; index++) {
    if (DASHES_BEFORE.has(index)) text += '-';
    text += HEX_BY_BYTE[bytes[index] as number] as string;
  }
  return text;
}

function nibble(code: number): number {
  // '0' is 48, 'a' is 97.
  return code < 58 ? code - 48 : code - 87;
}
