/**
 * Reads a file of events, and checks all of it: each group before anybody is given anything of it.
 *
 * @module
 */
import { NotSupportedError } from '../persistence/errors.js';
import { linesOf } from '../util/byte-lines.js';
import { crc32, crc32Text } from '../util/crc32.js';
import { jsonOfLine } from '../util/json-line.js';
import { EventHash } from './event-hash.js';
import { EVENTS_FORMAT, LINE_BYTES_MAX, startOf, toFileEvent } from './events-file.js';
import type { Checkpoint, EventsFileHeader, FileEvent } from './events-file.js';
import { EventsFileError } from './transfer-errors.js';

/** What a file is read as, in this order. */
export type EventsFilePart =
  | { readonly kind: 'header'; readonly header: EventsFileHeader }
  /** `endBytes`: where its checkpoint ends in the file. */
  | {
      readonly kind: 'group';
      readonly events: readonly FileEvent[];
      readonly checkpoint: Checkpoint;
      readonly isFull: boolean;
      readonly endBytes: number;
    }
  | { readonly kind: 'end'; readonly checkpoint: Checkpoint };

/**
 * @param chunks - its bytes, cut anywhere
 * @throws EventsFileError (`EVENTS_FILE`) when it is damaged, cut off, or none
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer release wrote it
 */
export async function* readEventsFile(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<EventsFilePart, void, undefined> {
  const reading = new Reading();
  for await (const { bytes, isWhole } of linesOf(chunks, LINE_BYTES_MAX)) {
    const part = await reading.line(bytes, isWhole);
    if (part !== undefined) yield part;
  }
  reading.end();
}

/** A file that is being read: at its header, in a group, between two, or behind its end. */
class Reading {
  #line = 0;
  #bytes = 0;
  #crc = 0;
  #events: FileEvent[] = [];
  #places = new Set<string>();
  #checkpoint: Checkpoint = startOf(0);
  #position = 0;
  readonly #hash = new EventHash();
  #isGroupFull = false;
  #isLastGroup = false;
  #hasEnded = false;

  async line(bytes: Uint8Array, isWhole: boolean): Promise<EventsFilePart | undefined> {
    this.#line += 1;
    this.#bytes += bytes.length;
    if (this.#hasEnded) throw this.#refusal('behind-end', 'goes on behind its end');
    const value = isWhole ? jsonOfLine(bytes) : undefined;
    if (this.#line === 1) return this.#header(value, bytes);
    if (!isWhole) throw this.#refusal('cut', 'was cut off, or has a line that is too long');
    if (value?.['checkpoint'] !== undefined) return await this.#group(value);
    if (value?.['end'] === true) return this.#end(value);
    this.#crc = crc32(bytes, this.#crc);
    this.#event(value);
    return undefined;
  }

  end(): void {
    if (this.#line === 0) throw this.#refusal('header', 'is empty');
    if (!this.#hasEnded) throw this.#refusal('cut', 'was cut off: its end is missing');
  }

  #header(value: Read, bytes: Uint8Array): EventsFilePart {
    if (value === undefined && isCutHeader(bytes)) throw this.#refusal('cut', 'was cut off');
    if (value?.['daybook'] !== 'events') throw this.#refusal('header', 'does not begin as a file of events does');
    const { format, engine, after, log = false } = value;
    if (!isCount(format)) throw this.#refusal('header', 'has no format');
    if (format > EVENTS_FORMAT) {
      throw new NotSupportedError(
        `The file of events is of format ${format}, and this release reads ${EVENTS_FORMAT}. Import it by a newer release. Nothing of it was stored.`,
        { details: { format, readable: EVENTS_FORMAT } },
      );
    }
    if (typeof engine !== 'string' || !isCount(after) || typeof log !== 'boolean') {
      throw this.#refusal('header', 'does not say where it begins');
    }
    this.#crc = crc32(bytes);
    this.#checkpoint = startOf(after);
    this.#position = after;
    return { kind: 'header', header: { engine, after, isOfLog: log } };
  }

  #event(value: Read): void {
    const event = value && toFileEvent(value);
    if (event === undefined) throw this.#refusal('line', 'has something that is no event');
    if (this.#isGroupFull || this.#isLastGroup)
      throw this.#refusal('line', 'has an event where a checkpoint has to be');
    if (event.id <= this.#position) throw this.#refusal('order', 'is not in the order of positions');
    const { originatorId, originatorVersion } = event;
    const size = this.#places.size;
    this.#places.add(`${originatorVersion} ${originatorId}`);
    if (this.#places.size === size) throw this.#refusal('twice', 'has an aggregate twice at one version');
    this.#events.push(event);
    this.#position = event.id;
    this.#isGroupFull = this.#hash.add(event);
  }

  async #group({ checkpoint, position, hash, crc32: crc }: NonNullable<Read>): Promise<EventsFilePart> {
    const [events, isFull] = [this.#events, this.#isGroupFull];
    if (events.length === 0) throw this.#refusal('line', 'has a checkpoint after no event');
    if (crc !== crc32Text(this.#crc)) throw this.#refusal('checksum', 'is damaged before its checkpoint');
    const count = this.#checkpoint.events + events.length;
    if (checkpoint !== count || position !== this.#position) {
      throw this.#refusal('count', `has ${count} events up to a checkpoint that says otherwise`);
    }
    if (hash !== (await this.#hash.close())) throw this.#refusal('hash', 'has other events than its checkpoint says');
    this.#checkpoint = { events: count, position: this.#position, hash };
    [this.#events, this.#places, this.#crc, this.#isGroupFull] = [[], new Set(), 0, false];
    // Only the last one may be: else the hash would not be that of these events.
    this.#isLastGroup = !isFull;
    return { kind: 'group', events, checkpoint: this.#checkpoint, isFull, endBytes: this.#bytes };
  }

  #end({ events, position, hash }: NonNullable<Read>): EventsFilePart {
    const checkpoint = this.#checkpoint;
    const isSame = events === checkpoint.events && position === checkpoint.position && hash === checkpoint.hash;
    if (this.#events.length > 0 || !isSame) throw this.#refusal('count', 'has an end that is not that of its events');
    this.#hasEnded = true;
    return { kind: 'end', checkpoint };
  }

  #refusal(reason: string, what: string): EventsFileError {
    const { events } = this.#checkpoint;
    return new EventsFileError(
      `The file of events ${what}, at line ${this.#line}. Nothing of it behind its last sound checkpoint was stored.`,
      { details: { line: this.#line, reason, events } },
    );
  }
}

type Read = Readonly<Record<string, unknown>> | undefined;

const HEADER_BEGIN = '{"daybook":"events"';

function isCutHeader(bytes: Uint8Array): boolean {
  const begin = new TextDecoder().decode(bytes.subarray(0, HEADER_BEGIN.length));
  return bytes.at(-1) !== 10 && HEADER_BEGIN.startsWith(begin);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
