/**
 * Which events of a unit a part of it has: said by the seal of the part, so that whoever offers the part says it.
 *
 * ```text
 * seal of a part   1 byte 2, 16 bytes of a MAC, and a bit for each event of the whole unit, the lowest of a byte first
 * ```
 *
 * @module
 */

/** The first byte of the seal of a part. */
export const PART_VERSION = 2;
/** Bytes before the bits. */
export const PART_HEAD_BYTES = 17;

/** Places of events in a unit, as bits. */
export function toBits(indexes: readonly number[], total: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(total / 8));
  for (const index of indexes) bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
  return bits;
}

/** @returns what the seal of a part of a unit says of its events; `undefined` where it is not one, of as many events */
export function indexesOfSeal(seal: Uint8Array, total: number): readonly number[] | undefined {
  const bits = seal.subarray(PART_HEAD_BYTES);
  if (seal[0] !== PART_VERSION || bits.length !== Math.ceil(total / 8)) return undefined;
  const indexes: number[] = [];
  for (let index = 0; index < bits.length * 8; index++) {
    if (((bits[index >> 3] as number) >> (index & 7)) & 1) indexes.push(index);
  }
  return (indexes.at(-1) ?? total) < total ? indexes : undefined;
}

/** What stands in the place of a seal where parts were put together: it says what they are, and proves nothing. */
export function partSeal(indexes: readonly number[], total: number): Uint8Array {
  const seal = new Uint8Array(PART_HEAD_BYTES + Math.ceil(total / 8));
  seal[0] = PART_VERSION;
  seal.set(toBits(indexes, total), PART_HEAD_BYTES);
  return seal;
}
