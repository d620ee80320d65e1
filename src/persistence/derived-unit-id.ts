/**
 * Ids of units that follow from what they are.
 *
 * That of a unit that was given none: of an event that was recorded before there were units, or by a program that
 * inserts rows beside a server. Whoever meets the event derives the same id, so that it is one unit everywhere.
 *
 * ```text
 * SHA-256 of   text aggregate id, varint version, text topic, then the state to the end    (a text as in event-batch.ts)
 * the first 16 bytes of it, as a UUID of version 8
 * ```
 *
 * And that of a unit that somebody tries again after a server has refused it, which it does for good: whoever has a copy of
 * the unit derives the same, so that it is tried again once.
 *
 * ```text
 * SHA-256 of   text "retried", the 16 bytes of the id that was refused; the first 16 bytes of it, as above
 * ```
 *
 * These are formats: what they give must never change.
 *
 * @module
 */
import { ByteWriter } from '../util/byte-writer.js';
import { sha256Now } from '../util/sha256-now.js';
import { bytesToUuid, uuidToBytes } from '../util/uuid-bytes.js';
import type { StoredEvent } from './stored-event.js';
import type { UnitId } from './unit.js';

// Beside the state: an id, a version, a topic. A guess to reserve by, not a limit.
const OVERHEAD_BYTES = 128;

/** Derives the id of the unit that an event is by itself. */
export function derivedUnitId({ originatorId, originatorVersion, topic, state }: StoredEvent): UnitId {
  const writer = new ByteWriter(state.length + OVERHEAD_BYTES);
  writer.text(originatorId);
  writer.varint(originatorVersion);
  writer.text(topic);
  writer.raw(state);
  return namedBy(writer);
}

/** Derives the id of a unit that is tried again after a server has refused it. */
export function retriedUnitId(refused: UnitId): UnitId {
  const writer = new ByteWriter();
  writer.text('retried');
  writer.raw(uuidToBytes(refused));
  return namedBy(writer);
}

function namedBy(writer: ByteWriter): UnitId {
  const bytes = sha256Now(writer.finish());
  // Version 8, and the variant of RFC 9562.
  bytes[6] = ((bytes[6] as number) & 15) | 128;
  bytes[8] = ((bytes[8] as number) & 63) | 128;
  return bytesToUuid(bytes);
}
