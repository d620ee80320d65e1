/**
 * Seals of units: what a server has said, provable later by whoever was told, and by nobody else.
 *
 * ```text
 * 1 byte    1: the version; 2 of a part of a unit, which may be all that somebody sees of it
 * 16 bytes  the first of HMAC-SHA256 of: the purpose, the tenant, position, total, author, time, and the statement of the unit
 * bits      of a part: which events of the unit it has (part-indexes.ts); covered, before the statement
 * ```
 *
 * The key is not in the database. So who can write there can record, as the log's own writers do, but cannot prove that
 * anything was there before; and who holds pages can bring back what was in them, and nothing else.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { UnitOrigin } from '../../persistence/unit.js';
import { statementWriter, writeStatement } from './log-chain.js';
import type { StatedUnit } from './log-chain.js';
import { indexesOfSeal, PART_HEAD_BYTES, PART_VERSION, toBits } from './part-indexes.js';
import { macOf } from './seal-mac.js';
import type { Mac } from './seal-mac.js';

const VERSION = 1;
const MAC_BYTES = 16;
/** A key has so many bytes at least. */
export const SEAL_KEY_BYTES_MIN = 32;
const PURPOSE = 'daybook: a unit of a log';
const PURPOSE_OF_PART = 'daybook: a part of a unit of a log';

/** With what a log seals. */
export interface SealOptions {
  /**
   * Keys of at least 32 random bytes each. The first one seals; the others still prove what was sealed with them. To
   * change a key, put the new one first, and keep the old one for as long as devices may hold what it sealed.
   */
  readonly keys: readonly Uint8Array[];
}

/** What is sealed. */
export interface SealedUnit extends StatedUnit {
  readonly position: number;
  readonly total: number;
  readonly origin: Pick<UnitOrigin, 'author' | 'recordedAtMs'>;
}

/** Seals, and proves seals. */
export class UnitSeals {
  readonly #tenant: string;
  readonly #macs: readonly Mac[];

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no key, or one is too short */
  constructor({ keys }: SealOptions, tenant: string) {
    if (!isSealKeys(keys)) {
      throw new ProgrammingError(
        `seals.keys must be one or more keys, as Uint8Array of at least ${SEAL_KEY_BYTES_MIN} random bytes each.`,
      );
    }
    this.#tenant = tenant;
    this.#macs = keys.map((key) => macOf(Uint8Array.from(key)));
  }

  /**
   * Seals a unit with the first key.
   *
   * @param indexes - of a part of a unit: which of its events are here
   */
  async seal(unit: SealedUnit, indexes?: readonly number[]): Promise<Uint8Array> {
    const [mac] = this.#macs;
    const bits = indexes && toBits(indexes, unit.total);
    return sealed(await (mac as Mac)(this.#said(unit, bits)), bits);
  }

  /** Whether one of the keys has sealed just this. */
  async isSound(unit: SealedUnit, seal: Uint8Array): Promise<boolean> {
    const isPart = indexesOfSeal(seal, unit.total)?.length === unit.events.length;
    if (!isPart && (seal.length !== MAC_BYTES + 1 || seal[0] !== VERSION)) return false;
    const bits = isPart ? seal.subarray(PART_HEAD_BYTES) : undefined;
    const said = this.#said(unit, bits);
    for (const mac of this.#macs) if (isEqual(sealed(await mac(said), bits), seal)) return true;
    return false;
  }

  #said(unit: SealedUnit, bits: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
    const { position, total, origin } = unit;
    const writer = statementWriter(unit);
    writer.text(bits === undefined ? PURPOSE : PURPOSE_OF_PART);
    if (bits !== undefined) writer.sized(bits);
    writer.text(this.#tenant);
    writer.varint(position);
    writer.varint(total);
    writer.text(origin.author);
    writer.varint(origin.recordedAtMs);
    writeStatement(writer, unit);
    return writer.finish();
  }
}

/** Whether a log can seal with these. */
export function isSealKeys(keys: unknown): keys is readonly Uint8Array[] {
  const isKey = (key: unknown): boolean => key instanceof Uint8Array && key.length >= SEAL_KEY_BYTES_MIN;
  return Array.isArray(keys) && keys.length > 0 && keys.every(isKey);
}

function sealed(mac: Uint8Array, bits: Uint8Array | undefined): Uint8Array {
  const head = mac.subarray(0, MAC_BYTES);
  return bits === undefined ? Uint8Array.of(VERSION, ...head) : Uint8Array.of(PART_VERSION, ...head, ...bits);
}

// Every byte is looked at, so that the time tells nothing of where a forged one differs.
function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  return one.reduce((differing, byte, index) => differing | (byte ^ (other[index] as number)), 0) === 0;
}
