/**
 * CRC-32 as in zip files (ISO 3309), eight bytes at a time.
 *
 * @module
 */

const POLYNOMIAL = 0xedb88320;

/** By a byte, and by how many bytes follow it in its group of eight: what it adds to the checksum. */
let tables: Int32Array | undefined;

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let index = 0; index < 256; index++) {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & POLYNOMIAL);
    made[index] = crc;
  }
  for (let index = 256; index < made.length; index++) {
    const before = made[index - 256] as number;
    made[index] = (before >>> 8) ^ (made[before & 255] as number);
  }
  return made;
}

/**
 * The checksum of bytes, as a signed 32-bit integer.
 *
 * @param before - of the bytes before them, where these are a part. @defaultValue 0: there are none
 */
export function crc32(bytes: Uint8Array, before: number = 0): number {
  // Made when it is first needed: a bundle that does not need it can leave it out.
  const table = (tables ??= makeTables());
  // No tuple of index and value, and no function: journals and checkpoints of many megabytes pass here.
  const at = (place: number, byte: number): number => table[256 * place + byte] as number;
  const byte = (index: number): number => bytes[index] as number;
  let crc = ~before;
  let index = 0;
  for (const end = bytes.length - 7; index < end; index += 8) {
    crc =
      at(7, byte(index) ^ (crc & 255)) ^
      at(6, byte(index + 1) ^ ((crc >>> 8) & 255)) ^
      at(5, byte(index + 2) ^ ((crc >>> 16) & 255)) ^
      at(4, byte(index + 3) ^ (crc >>> 24)) ^
      at(3, byte(index + 4)) ^
      at(2, byte(index + 5)) ^
      at(1, byte(index + 6)) ^
      at(0, byte(index + 7));
  }
  for (; index < bytes.length; index++) crc = (crc >>> 8) ^ at(0, (crc ^ byte(index)) & 255);
  return ~crc;
}

/** A checksum as a text: eight digits. */
export function crc32Text(checksum: number): string {
  return (checksum >>> 0).toString(16).padStart(8, '0');
}
