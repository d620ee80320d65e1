/**
 * The digest of an aggregate's first events, which a device and a server make alike:
 *
 * ```text
 * after no event     16 zeros
 * after an event     the first 16 bytes of SHA-256 of the 16 bytes before it, and of what the event says:
 *                    text aggregate id, text version, text topic, varint length and bytes of the state
 * ```
 *
 * Written as a UUID is. A chain, so that whoever has that of the first events can go on with those after them alone.
 *
 * This is a format: what it gives for events must never change.
 *
 * @module
 */
import { ByteWriter } from '../util/byte-writer.js';
import { sha256Now } from '../util/sha256-now.js';
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../util/uuid-bytes.js';
import type { OriginatorId, StoredEvent } from './stored-event.js';
import { writeStatedEvents } from './unit-edition.js';

/** Of no events. */
export const DIGEST_START = '00000000-0000-0000-0000-000000000000';

// Beside the state: the digest before, id, version, topic. A guess to reserve by, not a limit.
const OVERHEAD_BYTES = 128;

/** Asks for the digest of an aggregate's events up to a version. */
export interface HistoryQuestion {
  readonly originatorId: OriginatorId;
  /** Of the events up to this version, 0 for none, the digest is known. */
  readonly after: number;
  readonly digest: string;
  readonly upTo: number;
}

/** @param before - the digest of the events before these */
export function historyDigest(events: readonly StoredEvent[], before: string = DIGEST_START): string {
  let digest = uuidToBytes(before);
  for (const event of events) {
    const writer = new ByteWriter(event.state.length + OVERHEAD_BYTES);
    writer.raw(digest);
    writeStatedEvents(writer, [event]);
    digest = sha256Now(writer.finish()).subarray(0, UUID_BYTES);
  }
  return bytesToUuid(digest);
}
