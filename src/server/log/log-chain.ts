/**
 * The chain of a log, and the cursors that rest on it.
 *
 * ```text
 * statement  of a unit: its id, its edition, its kind, its scopes, what it stood on, and its events with their versions
 * chain      after a unit: the first 16 bytes of SHA-256 of the chain before it, and its statement
 * cursor     0, or 1.<position>.<chain, in hex>, and .<visibility> where not everything is visible; 2.… of who has parts of a
 *            bootstrap (bootstrap-cursor.ts)
 * ```
 *
 * A cursor begins with its version: another one may come, and what the log does not understand it does not have.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { editionOf, writeStatedEvents } from '../../persistence/unit-edition.js';
import type { Cursor, EditionId, UnitId } from '../../persistence/unit.js';
import { ByteWriter } from '../../util/byte-writer.js';
import { fromBootstrapCursor } from './bootstrap-cursor.js';
import type { BootstrapPlace } from './bootstrap-cursor.js';
import { chainHash } from './chain-hash.js';

const CHAIN_BYTES = 16;
const CURSOR = /^1\.([1-9]\d{0,15})\.([0-9a-f]{32})(?:\.(.+))?$/s;

/** The chain of an empty log, in hex, as all of them are. */
export const CHAIN_START: string = '00'.repeat(CHAIN_BYTES);

/** What a log says of a unit, beside where it stands. */
export interface StatedUnit {
  readonly id: UnitId;
  readonly edition?: EditionId | undefined;
  readonly isCommutative: boolean;
  readonly scopes: readonly string[];
  readonly after: readonly (EditionId | undefined)[];
  readonly events: readonly StoredEvent[];
}

/** Writes a unit down: by what it says, because packed bytes have several forms. */
export function writeStatement(writer: ByteWriter, unit: StatedUnit): void {
  const { id, isCommutative, scopes, after, events } = unit;
  writer.text(id);
  writer.text(editionOf(unit));
  writer.u8(isCommutative ? 1 : 0);
  writer.varint(scopes.length);
  for (const scope of scopes) writer.text(scope);
  writer.varint(after.length);
  for (const edition of after) writer.text(edition ?? '');
  writeStatedEvents(writer, events);
}

/**
 * Writes short texts of ASCII letter by letter: of ids and topics, a call of the encoder costs several times as much as the
 * letters, and a server writes ten of them for each unit. Not where browsers load it: there are fewer, and each byte counts.
 */
class StatementWriter extends ByteWriter {
  override text(value: string): void {
    if (!isShortAscii(value)) {
      super.text(value);
      return;
    }
    this.u8(value.length);
    for (let index = 0; index < value.length; index++) this.u8(value.charCodeAt(index));
  }
}

// Whose length is one byte of a varint, and each letter one byte of UTF-8.
function isShortAscii(value: string): boolean {
  if (value.length >= 0x80) return false;
  for (let index = 0; index < value.length; index++) if (value.charCodeAt(index) >= 0x80) return false;
  return true;
}

/** A writer with room for a unit and something before it. */
export function statementWriter({ events }: StatedUnit): ByteWriter {
  return new StatementWriter(events.reduce((bytes, { state }) => bytes + state.length + 128, 256));
}

/** The chain after a unit. */
export function nextChain(chain: string, unit: StatedUnit): string {
  const writer = statementWriter(unit);
  writer.text(chain);
  writeStatement(writer, unit);
  return chainHash(writer.finish());
}

/** A place in a log. */
export interface LogPlace {
  readonly position: number;
  readonly chain: string;
}

/** @param visibility - identifies what is visible; empty where that is everything */
export function toCursor({ position, chain }: LogPlace, visibility: string): Cursor {
  if (position === 0) return CURSOR_START;
  return `1.${position}.${chain}${visibility === '' ? '' : `.${visibility}`}`;
}

/** What a cursor says. */
export interface CursorPlace extends LogPlace {
  /** Identifies what was visible; empty where that was everything, undefined at the start, where it does not matter. */
  readonly visibility: string | undefined;
  /** Of a device that has parts of a bootstrap, which is of this place: where it goes on. */
  readonly bootstrap?: BootstrapPlace;
}

/** @returns what a cursor says; `undefined` where it is none of a log's */
export function fromCursor(cursor: Cursor): CursorPlace | undefined {
  if (cursor === CURSOR_START) return { position: 0, chain: CHAIN_START, visibility: undefined };
  if (cursor.startsWith('2.')) return fromBootstrapCursor(cursor);
  const [, position, chain, visibility = ''] = CURSOR.exec(cursor) ?? [];
  if (position === undefined || chain === undefined) return undefined;
  return { position: Number(position), chain, visibility };
}
