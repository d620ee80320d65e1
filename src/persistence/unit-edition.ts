/**
 * Editions: what says on what an event was decided.
 *
 * A unit keeps its id when its events are given other versions, or are decided again. So the id alone does not say what
 * stands in a place: a log that was set back may have the same unit there in another form. An edition does. That of a unit as
 * it was recorded is its id; any other one follows from all that the unit says:
 *
 * ```text
 * SHA-256 of   text unit id, varint count of places, each a text: the edition there, or empty
 *              then each event: text aggregate id, text version, text topic, varint length and bytes of the state
 * the first 16 bytes of it, as a UUID whose version digit is e, which no id of a unit has
 * ```
 *
 * So whoever has the unit can check its edition, and nobody can give a unit the edition of another one: it would have to
 * have its id, and say the same.
 *
 * This is a format: what it gives for a unit must never change.
 *
 * @module
 */
import { ByteWriter } from '../util/byte-writer.js';
import { sha256Now } from '../util/sha256-now.js';
import { bytesToUuid } from '../util/uuid-bytes.js';
import type { StoredEvent } from './stored-event.js';
import type { EditionId, PendingUnit, Unit } from './unit.js';

// Beside the states: ids, versions, topics. A guess to reserve by, not a limit.
const OVERHEAD_BYTES = 128;
const VERSION_DIGIT_AT = 14;

/** The edition of a unit in a form that is not the one in which it was recorded. */
export function derivedEdition({ id, events, after }: Pick<PendingUnit, 'id' | 'events' | 'after'>): EditionId {
  const writer = new ByteWriter(events.reduce((sum, { state }) => sum + state.length + OVERHEAD_BYTES, OVERHEAD_BYTES));
  writer.text(id);
  writer.varint(after.length);
  for (const edition of after) writer.text(edition ?? '');
  writeStatedEvents(writer, events);
  const bytes = sha256Now(writer.finish());
  bytes[6] = ((bytes[6] as number) & 15) | 0xe0;
  bytes[8] = ((bytes[8] as number) & 63) | 128;
  return bytesToUuid(bytes);
}

/** Writes events down by what they say: the same bytes for the same events, always. */
export function writeStatedEvents(writer: ByteWriter, events: readonly StoredEvent[]): void {
  for (const { originatorId, originatorVersion, topic, state } of events) {
    writer.text(originatorId);
    // Not a varint: other writers may have versions below 0.
    writer.text(String(originatorVersion));
    writer.text(topic);
    writer.sized(state);
  }
}

/** Whether an id is one of those that only editions have. */
export function isDerivedEdition(id: string): boolean {
  return id[VERSION_DIGIT_AT] === 'e';
}

/** The edition of a unit. */
export function editionOf({ id, edition }: Pick<Unit, 'id' | 'edition'>): EditionId {
  return edition ?? id;
}
