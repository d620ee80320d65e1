/**
 * The format of a rescue file. This file is its specification.
 *
 * A file is entries, one after another, then what was reserved for more of them: zeros.
 *
 * ```text
 * offset size
 *      0    4  magic: 44 42 52 46 ("DBRF")
 *      4    4  CRC-32 (ISO-HDLC, as in zip) of everything from offset 8 to the end of the head, little endian
 *      8    1  kind
 *      9    1  format version: 1
 *     10    2  zero
 *     12    4  length of the head, little endian
 *     16    4  length of the body, little endian
 *     20    4  CRC-32 of the body
 *     24    …  head, body
 *
 * kind 1  store:   whose the entries are that follow.            text replica id; no body
 *      2  units:   pending, or set aside.                        varint journal position, varint count, names; body as packPendingUnits makes it
 *      3  witness: how far the store was.                        varint time in ms, varint largest id, text cursor, varint position in the
 *                                                                server's log, varint units, varint events that were pending; no body
 *      4  unsaved: for which there was no room.                  varint count of those that have no name here, varint count, names; no body
 *      5  told:    what is missing of another store was said.    text replica id; no body
 * names:           each 16 bytes unit id, varint count of events, u8 0, or u8 1, text code, text message where it was set aside
 * ```
 *
 * The head has a checksum of its own, so that of a unit whose events are damaged the name is known. An entry that is
 * damaged is passed over: the next one is found by its magic and its checksum. The last one, when it is not whole, is torn:
 * whoever wrote it was killed, and has acknowledged nothing of it; so it is as if it had never been begun.
 *
 * Entries are copied as they are, and never changed. A reader leaves a file alone that has an entry of a later version.
 *
 * @module
 */
import { ByteReader } from '../../util/byte-reader.js';
import { ByteWriter } from '../../util/byte-writer.js';
import { crc32 } from '../../util/crc32.js';
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import { packPendingUnits } from '../unit-batch.js';
import type { Cursor, PendingUnit, UnitId } from '../unit.js';
import type { SetAsideReason } from '../unit-recorder.js';

const MAGIC = 0x46524244; // "DBRF", read little endian
const MAGIC_FIRST_BYTE = 0x44;
const FORMAT_VERSION = 1;
const CHECKED_OFFSET = 8;
const HEAD_OFFSET = 24;
const NO_BODY = new Uint8Array(0);

const KIND_STORE = 1;
const KIND_UNITS = 2;
const KIND_WITNESS = 3;
const KIND_UNSAVED = 4;
const KIND_TOLD = 5;

/** What is known of a unit without its events. */
export interface NamedUnit {
  readonly id: UnitId;
  /** How many events it has. */
  readonly events: number;
  /** Why it was set aside, if it was. */
  readonly reason?: SetAsideReason | undefined;
}

/** How far a store was. */
export interface RescueWitness {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The largest local id. */
  readonly largestId: number;
  readonly cursor: Cursor;
  /** In the server's log. */
  readonly position: number;
  readonly pendingUnits: number;
  readonly pendingEvents: number;
}

/** What an entry says. */
export type RescueContent =
  | { readonly kind: 'store'; readonly replicaId: string }
  | {
      readonly kind: 'units';
      /** Of the journal: of two forms of one unit, the later one counts. */
      readonly position: number;
      readonly units: readonly NamedUnit[];
      /** Packed units; undefined when they are damaged. */
      readonly body: Uint8Array | undefined;
    }
  | ({ readonly kind: 'witness' } & RescueWitness)
  | { readonly kind: 'unsaved'; readonly units: readonly NamedUnit[]; readonly unnamed: number }
  | { readonly kind: 'told'; readonly replicaId: string };

/** An entry in the bytes of a file. */
export interface RescueEntry {
  readonly content: RescueContent;
  /** All of its bytes: a view. */
  readonly bytes: Uint8Array;
}

/** What is in a file. */
export interface RescueEntries {
  readonly entries: readonly RescueEntry[];
  /** Where the next one belongs. */
  readonly end: number;
  /** Bytes between entries that are none. */
  readonly damagedBytes: number;
  /** Whether a later version wrote into it. */
  readonly isNewer: boolean;
}

/** Says whose the entries are that follow. */
export function encodeStore(replicaId: string): Uint8Array<ArrayBuffer> {
  return encode(KIND_STORE, (head) => head.text(replicaId));
}

/** Holds units. @param reasons - of those that were set aside */
export function encodeUnits(
  position: number,
  units: readonly PendingUnit[],
  reasons: ReadonlyMap<UnitId, SetAsideReason> = new Map(),
): Uint8Array<ArrayBuffer> {
  const names = units.map(({ id, events }) => ({ id, events: events.length, reason: reasons.get(id) }));
  return encode(
    KIND_UNITS,
    (head) => {
      head.varint(position);
      writeNames(head, names);
    },
    packPendingUnits(units),
  );
}

/** Says how far a store is. */
export function encodeWitness(witness: RescueWitness): Uint8Array<ArrayBuffer> {
  return encode(KIND_WITNESS, (head) => {
    head.varint(witness.atMs);
    head.varint(witness.largestId);
    head.text(witness.cursor);
    head.varint(witness.position);
    head.varint(witness.pendingUnits);
    head.varint(witness.pendingEvents);
  });
}

/** Names units that are not here. */
export function encodeUnsaved(units: readonly NamedUnit[], unnamed: number): Uint8Array<ArrayBuffer> {
  return encode(KIND_UNSAVED, (head) => {
    head.varint(unnamed);
    writeNames(head, units);
  });
}

/** Says that what is missing of another store was said. */
export function encodeTold(replicaId: string): Uint8Array<ArrayBuffer> {
  return encode(KIND_TOLD, (head) => head.text(replicaId));
}

function encode(
  kind: number,
  writeHead: (head: ByteWriter) => void,
  body: Uint8Array = NO_BODY,
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(HEAD_OFFSET + 128 + body.length);
  writer.raw(new Uint8Array(HEAD_OFFSET));
  writeHead(writer);
  const headEnd = writer.length;
  writer.raw(body);
  const bytes = writer.finish();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(8, kind);
  view.setUint8(9, FORMAT_VERSION);
  view.setUint32(12, headEnd - HEAD_OFFSET, true);
  view.setUint32(16, body.length, true);
  view.setInt32(20, crc32(body), true);
  view.setInt32(4, crc32(bytes.subarray(CHECKED_OFFSET, headEnd)), true);
  return bytes;
}

function writeNames(head: ByteWriter, units: readonly NamedUnit[]): void {
  head.varint(units.length);
  for (const { id, events, reason } of units) {
    head.raw(uuidToBytes(id));
    head.varint(events);
    head.u8(reason === undefined ? 0 : 1);
    if (reason === undefined) continue;
    head.text(reason.code);
    head.text(reason.message);
  }
}

/** Reads what there is. States, and bodies, are views into `bytes`. Throws nothing, whatever the bytes are. */
export function readEntries(bytes: Uint8Array): RescueEntries {
  const entries: RescueEntry[] = [];
  let [end, damagedBytes, isNewer] = [0, 0, false];
  for (let at = nextMagic(bytes, 0); at !== undefined; at = nextMagic(bytes, at)) {
    const entry = entryAt(bytes, at);
    if (entry === 'newer') isNewer = true;
    if (entry === undefined || entry === 'newer') at++;
    else {
      entries.push(entry);
      damagedBytes += at - end;
      at += entry.bytes.length;
      end = at;
    }
  }
  const last = entries.at(-1);
  if (last?.content.kind !== 'units' || last.content.body !== undefined) return { entries, end, damagedBytes, isNewer };
  // Torn, and not damaged: nothing follows it.
  return { entries: entries.slice(0, -1), end: end - last.bytes.length, damagedBytes, isNewer };
}

function nextMagic(bytes: Uint8Array, from: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.indexOf(MAGIC_FIRST_BYTE, from); at !== -1; at = bytes.indexOf(MAGIC_FIRST_BYTE, at + 1)) {
    if (at + HEAD_OFFSET > bytes.length) return undefined;
    if (view.getUint32(at, true) === MAGIC) return at;
  }
  return undefined;
}

function entryAt(bytes: Uint8Array, at: number): RescueEntry | 'newer' | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const headEnd = HEAD_OFFSET + view.getUint32(12, true);
  const end = headEnd + view.getUint32(16, true);
  if (headEnd > bytes.length - at) return undefined;
  if (view.getInt32(4, true) !== crc32(bytes.subarray(at + CHECKED_OFFSET, at + headEnd))) return undefined;
  if (view.getUint8(9) !== FORMAT_VERSION) return 'newer';
  // Of one that is longer than the file, the name is known.
  const isSound = end <= bytes.length - at && view.getInt32(20, true) === crc32(bytes.subarray(at + headEnd, at + end));
  try {
    const reader = new ByteReader(bytes.subarray(at + HEAD_OFFSET, at + headEnd));
    const body = isSound ? bytes.subarray(at + headEnd, at + end) : undefined;
    return { content: readContent(view.getUint8(8), reader, body), bytes: bytes.subarray(at, at + end) };
  } catch {
    return undefined;
  }
}

function readContent(kind: number, head: ByteReader, body: Uint8Array | undefined): RescueContent {
  if (kind === KIND_STORE) return { kind: 'store', replicaId: head.text() };
  if (kind === KIND_UNITS) return { kind: 'units', position: head.varint(), units: readNames(head), body };
  if (kind === KIND_WITNESS) return { kind: 'witness', ...readWitness(head) };
  if (kind === KIND_UNSAVED) return { kind: 'unsaved', unnamed: head.varint(), units: readNames(head) };
  if (kind === KIND_TOLD) return { kind: 'told', replicaId: head.text() };
  throw new RangeError(`kind ${kind} is unknown`);
}

function readWitness(head: ByteReader): RescueWitness {
  return {
    atMs: head.varint(),
    largestId: head.varint(),
    cursor: head.text(),
    position: head.varint(),
    pendingUnits: head.varint(),
    pendingEvents: head.varint(),
  };
}

function readNames(head: ByteReader): NamedUnit[] {
  return Array.from({ length: head.count() }, (): NamedUnit => {
    const id = bytesToUuid(head.raw(UUID_BYTES));
    const events = head.varint();
    const isSetAside = head.u8() !== 0;
    return isSetAside ? { id, events, reason: { code: head.text(), message: head.text() } } : { id, events };
  });
}
