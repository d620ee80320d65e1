/**
 * The hash of events in their order: the same wherever they are.
 *
 * ```text
 * of no events   32 zero bytes
 * of a group     SHA-256 of the hash before it, and of what each of its events says:
 *                text aggregate id, text version, text topic, varint length and bytes of the state
 * ```
 *
 * A group is full with 500 events, or as soon as what they say takes 1 MiB. Which events are in a group follows from the events
 * alone, counted from the first one; so the hash does, and not from who reads them, in what pages, or at which positions.
 *
 * This is a format: what it gives for events must never change.
 *
 * @module
 */
import { sha256, SHA256_BYTES, toHex } from '../persistence/sha256.js';
import type { StoredEvent } from '../persistence/stored-event.js';
import { writeStatedEvents } from '../persistence/unit-edition.js';
import { ByteWriter } from '../util/byte-writer.js';
import { sha256Now } from '../util/sha256-now.js';

/** Events of a group, at most. */
export const GROUP_EVENTS = 500;
const GROUP_BYTES = 1_048_576;

/** Of no events. */
export const HASH_START: string = '00'.repeat(SHA256_BYTES);

/** Reckons the hash of events, group by group. */
export class EventHash {
  #hash: string;
  #writer = new ByteWriter();
  #events = 0;

  /** @param hash - of the events before */
  constructor(hash: string = HASH_START) {
    this.#hash = hash;
  }

  /** Events of the group that is not closed yet. */
  get pending(): number {
    return this.#events;
  }

  /** Adds an event to the group. @returns whether the group is full: then it has to be closed before the next one */
  add(event: StoredEvent): boolean {
    writeStatedEvents(this.#writer, [event]);
    return ++this.#events >= GROUP_EVENTS || this.#writer.length >= GROUP_BYTES;
  }

  /** Closes the group. @returns the hash of all events so far */
  async close(): Promise<string> {
    if (this.#events === 0) return this.#hash;
    const said = this.#writer.finish();
    [this.#writer, this.#events] = [new ByteWriter(said.length), 0];
    const bytes = new Uint8Array(SHA256_BYTES + said.length);
    bytes.set(fromHex(this.#hash));
    bytes.set(said, SHA256_BYTES);
    this.#hash = toHex(hasWebCrypto() ? await sha256(bytes) : sha256Now(bytes));
    return this.#hash;
  }
}

// A page that came over plain http has none, and may keep a backup all the same.
function hasWebCrypto(): boolean {
  return (globalThis.crypto.subtle as SubtleCrypto | undefined) !== undefined;
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: SHA256_BYTES }, (_, index) =>
    Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
  );
}
