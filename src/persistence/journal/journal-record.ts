/**
 * The format of a journal record. This file is its specification.
 *
 * ```text
 * offset size
 *      0    4  magic: 44 42 4A 4E ("DBJN")
 *      4    1  format version: 4 if a unit has a command, or in an operation 5 there is a step from 5 on, or units are moved;
 *              else 3 if there is an operation 4 or 5, else 2 if there is an operation 3, else 1
 *      5    3  zero
 *      8    4  CRC-32 (ISO-HDLC, as in zip) of everything from offset 12 on, little endian
 *     12    8  position of the record, little endian: binds the bytes to their key
 *     20    …  body
 *
 * body:    varint count of commits, at least 1; each commit: varint count of operations, each operation:
 *   u8 1   events:   varint id of the first notification, varint length, a packed batch (event-batch.ts)
 *   u8 2   tracking: text application name, varint notification id
 *   u8 3   changes of own tables: varint length, bytes as the replica's engine makes them (sqlite/own-tables/table-changes.ts)
 *   u8 4   unit, which the events of this commit are: 16 bytes id, u8 flags: bit 0 = commutative, bit 1 = scopes follow,
 *          bit 2 = a command follows, other bits must be 0; [varint count of scopes, at least 1, each a text]
 *          [varint length, bytes of the command]
 *   u8 5   synchronisation: varint length, a packed change (sync-change.ts)
 * ```
 *
 * A record is valid if and only if: (1) the magic is right, (2) the version is known, (3) the checksum fits,
 * (4) the position is that of its key, (5) every operation is known, and the version is the one that they need, (6) the body ends where the bytes end.
 *
 * Events of a commit without an operation 4, as versions 1 and 2 have them, are each a unit of its own, whose id follows
 * from what the event is (derived-unit-id.ts).
 *
 * How it may change: new kinds of operation, and anything else, take a new format version; readers refuse a version
 * that they do not know, because to skip an operation would make this replica differ from the others. A record that needs
 * nothing of a later version is written as an earlier one, byte for byte as before, so that older code goes on reading it:
 * of a tracking record alone, say.
 *
 * @module
 */
import { crc32 } from '../../util/crc32.js';
import { ByteReader } from '../../util/byte-reader.js';
import { ByteWriter } from '../../util/byte-writer.js';
import { UUID_BYTES } from '../../util/uuid-bytes.js';
import { CorruptJournalError, NotSupportedError } from '../errors.js';
import { packEvents, unpackEvents } from '../event-batch.js';
import type { CheckedCommit } from './replica.js';
import type { Tracking } from '../stored-event.js';
import type { StoredEvent } from '../stored-event.js';
import { isLaterChange, packSyncChange, unpackSyncChange } from './sync-change.js';
import type { SyncChange } from './sync-change.js';
import type { UnitMark } from './unit-mark.js';

const MAGIC = 0x4e4a4244; // "DBJN", read little endian
const FORMAT_VERSION_PLAIN = 1;
const FORMAT_VERSION_CHANGES = 2;
const FORMAT_VERSION_UNITS = 3;
const FORMAT_VERSION_COMMANDS = 4;
const CHECKSUM_OFFSET = 8;
const CHECKED_OFFSET = 12;
const BODY_OFFSET = 20;

const OPERATION_EVENTS = 1;
const OPERATION_TRACKING = 2;
const OPERATION_CHANGES = 3;
const OPERATION_UNIT = 4;
const OPERATION_SYNC = 5;

const FLAG_COMMUTATIVE = 1;
const FLAG_SCOPES = 2;
const FLAG_COMMAND = 4;

/** A commit that is ready for the journal, with its events packed if the caller has them so already. */
export interface JournalCommit extends CheckedCommit {
  /** The events as `packEvents` makes them; saves packing them again. */
  readonly packedEvents?: Uint8Array;
}

/**
 * Makes the record of a group of commits.
 *
 * @param position - the journal position that it will be written at
 */
export function encodeJournalRecord(position: number, commits: readonly JournalCommit[]): Uint8Array<ArrayBuffer> {
  const packed = commits.map((commit) => commit.packedEvents ?? packEvents(commit.events));
  const changesBytes = commits.reduce(
    (sum, { changes, unit }) => sum + (changes?.length ?? 0) + (unit?.command?.length ?? 0),
    0,
  );
  const writer = new ByteWriter(
    packed.reduce((sum, bytes) => sum + bytes.length + 64, BODY_OFFSET + 16 + changesBytes),
  );
  writer.raw(new Uint8Array(BODY_OFFSET));
  writer.varint(commits.length);
  commits.forEach((commit, index) => writeCommit(writer, commit, packed[index] as Uint8Array));
  const bytes = writer.finish();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, versionFor(commits));
  view.setBigUint64(CHECKED_OFFSET, BigInt(position), true);
  view.setInt32(CHECKSUM_OFFSET, crc32(bytes.subarray(CHECKED_OFFSET)), true);
  return bytes;
}

function writeCommit(writer: ByteWriter, commit: JournalCommit, packedEvents: Uint8Array): void {
  const { events, firstNotificationId, tracking, changes, unit, sync } = commit;
  writer.varint(one(events[0]) + one(tracking) + one(changes) + one(unit) + one(sync));
  if (events.length > 0) {
    writer.u8(OPERATION_EVENTS);
    writer.varint(firstNotificationId);
    writer.sized(packedEvents);
  }
  if (tracking !== undefined) {
    writer.u8(OPERATION_TRACKING);
    writer.text(tracking.applicationName);
    writer.varint(tracking.notificationId);
  }
  if (changes !== undefined) {
    writer.u8(OPERATION_CHANGES);
    writer.sized(changes);
  }
  if (unit !== undefined) writeUnit(writer, unit);
  if (sync !== undefined) {
    writer.u8(OPERATION_SYNC);
    writer.sized(packSyncChange(sync));
  }
}

/** How many operations it takes. */
function one(operation: unknown): number {
  return operation === undefined ? 0 : 1;
}

function writeUnit(writer: ByteWriter, { id, isCommutative, scopes, command }: UnitMark): void {
  writer.u8(OPERATION_UNIT);
  writer.raw(id);
  const flags = (isCommutative ? FLAG_COMMUTATIVE : 0) | (scopes.length > 0 ? FLAG_SCOPES : 0);
  writer.u8(flags | (command === undefined ? 0 : FLAG_COMMAND));
  if (scopes.length > 0) {
    writer.varint(scopes.length);
    for (const scope of scopes) writer.text(scope);
  }
  if (command !== undefined) writer.sized(command);
}

/**
 * Reads a record back. States are views into `bytes`.
 *
 * @param position - the key under which the record was found
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when it is not what was written
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote it
 */
export function decodeJournalRecord(position: number, bytes: Uint8Array): CheckedCommit[] {
  if (bytes.length < BODY_OFFSET) throw corrupt(position, 'it is too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw corrupt(position, 'it does not start as a record does');
  const version = view.getUint8(4);
  if (version < FORMAT_VERSION_PLAIN || version > FORMAT_VERSION_COMMANDS) {
    throw new NotSupportedError(
      `Journal record ${position} has format ${version}; this version of Daybook reads formats up to ${FORMAT_VERSION_COMMANDS}. Load the newer version of the application. Nothing was changed.`,
      { details: { position, formatVersion: version } },
    );
  }
  if (view.getInt32(CHECKSUM_OFFSET, true) !== crc32(bytes.subarray(CHECKED_OFFSET))) {
    throw corrupt(position, 'its checksum does not fit');
  }
  if (view.getBigUint64(CHECKED_OFFSET, true) !== BigInt(position)) throw corrupt(position, 'it belongs elsewhere');
  try {
    const commits = readCommits(new ByteReader(bytes, BODY_OFFSET));
    if (version !== versionFor(commits)) throw new RangeError(`nothing in it needs version ${version}`);
    return commits;
  } catch (cause) {
    throw corrupt(position, 'its body does not parse', cause);
  }
}

/** The oldest version that can say what the commits say. */
function versionFor(commits: readonly CheckedCommit[]): number {
  if (commits.some(({ unit, sync }) => unit?.command !== undefined || (sync !== undefined && isLaterChange(sync))))
    return FORMAT_VERSION_COMMANDS;
  if (commits.some(({ unit, sync }) => unit !== undefined || sync !== undefined)) return FORMAT_VERSION_UNITS;
  return commits.some(({ changes }) => changes !== undefined) ? FORMAT_VERSION_CHANGES : FORMAT_VERSION_PLAIN;
}

function readCommits(reader: ByteReader): CheckedCommit[] {
  const commits: CheckedCommit[] = [];
  const count = reader.varint();
  while (commits.length < count) commits.push(readCommit(reader));
  if (reader.remaining !== 0) throw new RangeError('bytes are left after the last commit');
  return commits;
}

function readCommit(reader: ByteReader): CheckedCommit {
  let events: StoredEvent[] = [];
  let firstNotificationId = 0;
  let tracking: Tracking | undefined;
  let changes: Uint8Array | undefined;
  let unit: UnitMark | undefined;
  let sync: SyncChange | undefined;
  for (let left = reader.varint(); left > 0; left--) {
    const kind = reader.u8();
    if (kind === OPERATION_EVENTS) {
      firstNotificationId = reader.varint();
      events = unpackEvents(reader.sized());
    } else if (kind === OPERATION_TRACKING) {
      tracking = { applicationName: reader.text(), notificationId: reader.varint() };
    } else if (kind === OPERATION_CHANGES) {
      changes = reader.sized();
    } else if (kind === OPERATION_UNIT) {
      unit = readUnit(reader);
    } else if (kind === OPERATION_SYNC) {
      sync = unpackSyncChange(reader.sized());
    } else {
      throw new RangeError(`operation ${kind} is unknown`);
    }
  }
  if (unit !== undefined && events.length === 0) throw new RangeError('a unit has no events');
  return { events, firstNotificationId, tracking, changes, unit, sync };
}

function readUnit(reader: ByteReader): UnitMark {
  const id = reader.raw(UUID_BYTES);
  const flags = reader.u8();
  if ((flags & ~(FLAG_COMMUTATIVE | FLAG_SCOPES | FLAG_COMMAND)) !== 0)
    throw new RangeError(`unknown flags ${flags.toString(2)}`);
  const scopes: string[] = [];
  if ((flags & FLAG_SCOPES) !== 0) {
    for (let left = reader.varint(); left > 0; left--) scopes.push(reader.text());
    if (scopes.length === 0) throw new RangeError('a unit has no scopes');
  }
  const command = (flags & FLAG_COMMAND) === 0 ? undefined : reader.sized();
  return { id, isCommutative: (flags & FLAG_COMMUTATIVE) !== 0, scopes, command };
}

function corrupt(position: number, what: string, cause?: unknown): CorruptJournalError {
  return new CorruptJournalError(
    `Journal record ${position} is damaged: ${what}. The store stays as it is and is not opened further; keep the browser profile and restore from the server or a backup.`,
    { ...(cause === undefined ? {} : { cause }), details: { position } },
  );
}
