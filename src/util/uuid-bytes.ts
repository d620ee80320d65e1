/**
 * UUIDs between their canonical text and their 16 bytes.
 *
 * Not the `uuid` library's functions: those refuse UUIDs of versions that RFC 9562 does not know, such as
 * `00000000-0000-0000-0000-000000000001`, which Python and PostgreSQL store without complaint.
 */

const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEX_BY_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** Where in the canonical form the two digits of each byte stand. */
const DIGITS_AT: readonly number[] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Bytes of a UUID. */
export const UUID_BYTES = 16;

/** Whether a text is a UUID in canonical form: lower case, with dashes. */
export function isCanonicalUuid(text: string): boolean {
  return CANONICAL.test(text);
}

/** The bytes of a UUID in canonical form, in network order. The text is trusted. */
export function uuidToBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(UUID_BYTES);
  for (let index = 0; index < UUID_BYTES; index++) {
    const at = DIGITS_AT[index] as number;
    bytes[index] = (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));
  }
  return bytes;
}

/** The canonical form of 16 bytes. */
export function bytesToUuid(bytes: Uint8Array): string {
  // No loop: every event that is read passes here.
  const start = `${hex(bytes, 0)}${hex(bytes, 2)}-${hex(bytes, 4)}-${hex(bytes, 6)}`;
  return `${start}-${hex(bytes, 8)}-${hex(bytes, 10)}${hex(bytes, 12)}${hex(bytes, 14)}`;
}

/** Two bytes. */
function hex(bytes: Uint8Array, at: number): string {
  return (HEX_BY_BYTE[bytes[at] as number] as string) + (HEX_BY_BYTE[bytes[at + 1] as number] as string);
}

function nibble(code: number): number {
  // '0' is 48, 'a' is 97.
  return code < 58 ? code - 48 : code - 87;
}
