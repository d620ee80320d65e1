/**
 * A file of events: lines of JSON, in UTF-8, each with a line feed at its end. This file is the specification of the format.
 *
 * ```text
 * {"daybook":"events","format":1,"engine":"sqlite","after":0}                                     what it is
 * {"position":1,"id":"4f…","version":1,"topic":"stock:Item.Counted","text":"{\"count\":12}"}      an event, state as text
 * {"position":2,"id":"4f…","version":2,"topic":"stock:Item.Counted","bytes":"gAE="}               the state in base64
 * {"checkpoint":2,"position":2,"hash":"9a…","crc32":"1b2c3d4e"}                                   after each group of events
 * {"end":true,"events":2,"position":2,"hash":"9a…"}
 * ```
 *
 * `position` is the event's notification id where it comes from; they ascend, and may have gaps. `text` is a state that is sound
 * UTF-8, `bytes` any other one: what a cipher or a compressor made of it stays so. Groups and `hash` are those of `event-hash.ts`:
 * `checkpoint` is the number of events so far, and `hash` that of all of them; `crc32` is of the lines since the checkpoint before,
 * or since the start. A group that is not full is the last one.
 *
 * `after` of the header is the position behind which the file begins. `"log":true` says that the events are in a synchronisation
 * server's log. Where they belong to units of a device, each has `unit`, the id; and, while no server has confirmed it,
 * `"commutative":true` and `"scopes":[…]` where the unit is so. A unit may go on in the next group.
 *
 * Fields that are not named here are passed over: a release that writes more of them can be read by this one.
 *
 * @module
 */
import type { Notification, NotificationId, StoredEvent } from '../persistence/stored-event.js';
import { fromBase64, toBase64 } from '../util/base64.js';
import { crc32, crc32Text } from '../util/crc32.js';
import { areEqualBytes } from '../util/equal-bytes.js';
import { EventHash, HASH_START } from './event-hash.js';

/** The version of the format that is written, and the newest that is read. */
export const EVENTS_FORMAT = 1;
/** Bytes of a line, at most: a state is held in memory several times over while it is read. */
export const LINE_BYTES_MAX: number = 256 * 1_048_576;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a file says of itself. */
export interface EventsFileHeader {
  /** Where the events come from, for people: `memory`, `sqlite`, `postgres`, `browser`. */
  readonly engine: string;
  /** The position behind which it begins. */
  readonly after: NotificationId;
  /** Whether the events are in the log of a synchronisation server. */
  readonly isOfLog: boolean;
}

/** What is said of the unit of an event. */
export interface FileUnit {
  readonly id: string;
  readonly isCommutative: boolean;
  readonly scopes: readonly string[];
}

/** An event of a file. */
export interface FileEvent extends Notification {
  /** The unit that it belongs to, where it comes from a device. */
  readonly unit?: FileUnit | undefined;
}

/** A place between two groups of a file. */
export interface Checkpoint {
  /** Events before it. */
  readonly events: number;
  /** The position of the last of them; where there is none, that behind which the file begins. */
  readonly position: NotificationId;
  /** Of all of them. */
  readonly hash: string;
}

/** The place before the first event. */
export function startOf(after: NotificationId): Checkpoint {
  return { events: 0, position: after, hash: HASH_START };
}

/** An event without what is said of it. */
export function plain({ originatorId, originatorVersion, topic, state }: StoredEvent): StoredEvent {
  return { originatorId, originatorVersion, topic, state };
}

/** Whether two events are one: the same aggregate and version, and the same in it. */
export function isSame(one: StoredEvent, other: StoredEvent): boolean {
  return (
    one.originatorId === other.originatorId &&
    one.originatorVersion === other.originatorVersion &&
    one.topic === other.topic &&
    areEqualBytes(one.state, other.state)
  );
}

/** Makes lines, and reckons what checkpoints say. */
export class EventsFileWriter {
  readonly #hash: EventHash;
  #lines: string[] = [];
  #checkpoint: Checkpoint;
  #position: NotificationId;

  /** @param checkpoint - behind which it goes on */
  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
    this.#position = checkpoint.position;
    this.#hash = new EventHash(checkpoint.hash);
  }

  /** After what was given so far. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  begin({ engine, after, isOfLog }: EventsFileHeader): void {
    this.#add({ daybook: 'events', format: EVENTS_FORMAT, engine, after, ...(isOfLog ? { log: true } : {}) });
  }

  /** Adds an event. @returns whether the group is full: then `group` has to be called before the next one */
  event({ id: position, originatorId: id, originatorVersion: version, topic, state, unit }: FileEvent): boolean {
    const event = { id: position, originatorId: id, originatorVersion: version, topic, state };
    this.#add({ position, id, version, topic, ...stateLine(state), ...unitLine(unit) });
    this.#position = position;
    return this.#hash.add(event);
  }

  /** Ends the group. @returns the lines since the last one; none, where there are no events */
  async group(): Promise<Uint8Array<ArrayBuffer>> {
    const events = this.#checkpoint.events + this.#hash.pending;
    if (this.#hash.pending === 0) return new Uint8Array(0);
    this.#checkpoint = { events, position: this.#position, hash: await this.#hash.close() };
    const { position, hash } = this.#checkpoint;
    const lines = encoder.encode(this.#lines.join(''));
    this.#lines = [];
    const last = encoder.encode(
      `${JSON.stringify({ checkpoint: events, position, hash, crc32: crc32Text(crc32(lines)) })}\n`,
    );
    const bytes = new Uint8Array(lines.length + last.length);
    bytes.set(lines);
    bytes.set(last, lines.length);
    return bytes;
  }

  /** The last line, after the last group. */
  end(): Uint8Array<ArrayBuffer> {
    const { events, position, hash } = this.#checkpoint;
    this.#add({ end: true, events, position, hash });
    return encoder.encode(this.#lines.join(''));
  }

  #add(line: object): void {
    this.#lines.push(`${JSON.stringify(line)}\n`);
  }
}

/** Reads the line of an event; `undefined` where it is none. */
export function toFileEvent(line: Readonly<Record<string, unknown>>): FileEvent | undefined {
  const { position, id, version, topic } = line;
  if (!Number.isSafeInteger(position) || !Number.isSafeInteger(version)) return undefined;
  if (typeof id !== 'string' || typeof topic !== 'string') return undefined;
  const state = toState(line);
  const unit = toUnit(line);
  if (state === undefined || unit === 'none') return undefined;
  return {
    ...{ id: position as number, originatorId: id, originatorVersion: version as number, topic, state },
    ...(unit === undefined ? {} : { unit }),
  };
}

function stateLine(state: Uint8Array): { readonly text: string } | { readonly bytes: string } {
  try {
    return { text: decoder.decode(state) };
  } catch {
    return { bytes: toBase64(state) };
  }
}

function toState({ text, bytes }: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  if (typeof text === 'string') return text.isWellFormed() ? encoder.encode(text) : undefined;
  if (typeof bytes !== 'string') return undefined;
  try {
    return fromBase64(bytes);
  } catch {
    return undefined;
  }
}

function unitLine(unit: FileUnit | undefined): object {
  if (unit === undefined) return {};
  const { id, isCommutative, scopes } = unit;
  return { unit: id, ...(isCommutative ? { commutative: true } : {}), ...(scopes.length > 0 ? { scopes } : {}) };
}

function toUnit(line: Readonly<Record<string, unknown>>): FileUnit | 'none' | undefined {
  const { unit: id, commutative = false, scopes = [] } = line;
  if (id === undefined) return undefined;
  if (typeof id !== 'string' || typeof commutative !== 'boolean' || !isTexts(scopes)) return 'none';
  return { id, isCommutative: commutative, scopes };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
