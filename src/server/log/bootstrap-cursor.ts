/**
 * Where a bootstrap goes on, as a part of a cursor.
 *
 * ```text
 * 2.<position>.<covered>.<version>.<the chain, and the aggregate, in base64>, and .<visibility> where not everything is visible
 * ```
 *
 * Position, chain: the place of the log that all of it is of. Then how many of the log's events were given, or stood for; and
 * the aggregate after which it goes on; with a version, after that of it. No aggregate: from the first one on.
 *
 * @module
 */
import { toHex } from '../../persistence/sha256.js';
import type { OriginatorId } from '../../persistence/stored-event.js';
import type { Cursor } from '../../persistence/unit.js';
import { fromBase64, toBase64 } from '../../util/base64.js';
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';

/** Where it goes on. */
export interface BootstrapPlace {
  readonly covered: number;
  /** @defaultValue none was given yet */
  readonly originatorId: OriginatorId | undefined;
  /** 0 when all of the aggregate was given. */
  readonly version: number;
}

/** A cursor of a bootstrap, but for what was visible. */
export interface BootstrapCursor {
  readonly position: number;
  readonly chain: string;
  readonly bootstrap: BootstrapPlace;
}

const CHAIN_BYTES = 16;
const NUMBER = '([0-9a-z]{1,11})';
const CURSOR = new RegExp(`^2\\.${NUMBER}\\.${NUMBER}\\.${NUMBER}\\.([A-Za-z0-9+/=]{24,44})(?:\\.(.+))?$`, 's');
const RADIX = 36;

/** @param visibility - identifies what is visible; empty where that is everything */
export function toBootstrapCursor({ position, chain, bootstrap }: BootstrapCursor, visibility: string): Cursor {
  const { covered, originatorId, version } = bootstrap;
  const names = new Uint8Array(CHAIN_BYTES + (originatorId === undefined ? 0 : UUID_BYTES));
  names.set(uuidToBytes(chainAsUuid(chain)));
  if (originatorId !== undefined) names.set(uuidToBytes(originatorId), CHAIN_BYTES);
  const numbers = [position, covered, version].map((number) => number.toString(RADIX)).join('.');
  return `2.${numbers}.${toBase64(names)}${visibility === '' ? '' : `.${visibility}`}`;
}

/** @returns what a cursor says; `undefined` where it is none of a bootstrap */
export function fromBootstrapCursor(cursor: Cursor): (BootstrapCursor & { readonly visibility: string }) | undefined {
  const [, position, covered, version, names, visibility = ''] = CURSOR.exec(cursor) ?? [];
  if (position === undefined || covered === undefined || version === undefined || names === undefined) return undefined;
  const bytes = fromNames(names);
  const numbers = [position, covered, version].map((text) => Number.parseInt(text, RADIX)) as [number, number, number];
  if (bytes === undefined || !numbers.every(Number.isSafeInteger)) return undefined;
  const originatorId = bytes.length === CHAIN_BYTES ? undefined : bytesToUuid(bytes.subarray(CHAIN_BYTES));
  const bootstrap = { covered: numbers[1], originatorId, version: numbers[2] };
  return { position: numbers[0], chain: toHex(bytes.subarray(0, CHAIN_BYTES)), bootstrap, visibility };
}

function fromNames(text: string): Uint8Array | undefined {
  try {
    const bytes = fromBase64(text);
    return bytes.length === CHAIN_BYTES || bytes.length === CHAIN_BYTES + UUID_BYTES ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function chainAsUuid(chain: string): string {
  return chain.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
