/**
 * The transcodings that come with Daybook. The first three are the Python library's, name by name and byte by byte;
 * a Python application that reads the others needs to register transcodings of the same names.
 *
 * @module
 */
import { DateTime } from '../../domain/date-time.js';
import { Decimal } from '../../domain/decimal.js';
import { UUID } from '../../domain/uuid.js';
import { fromBase64, toBase64 } from '../../util/base64.js';
import type { Transcoding } from './transcoder.js';
import { validateWord } from '../validation.js';

/** {@link UUID} as 32 hexadecimal digits: `uuid_hex`. */
export class UUIDAsHex implements Transcoding<UUID, string> {
  readonly name: string = 'uuid_hex';
  is(value: unknown): boolean {
    return value instanceof UUID;
  }
  encode(value: UUID): string {
    return value.hex;
  }
  decode(data: string): UUID {
    return UUID.parse(text(data));
  }
}

/** {@link Decimal} as Python's `str()` writes it: `decimal_str`. */
export class DecimalAsStr implements Transcoding<Decimal, string> {
  readonly name: string = 'decimal_str';
  is(value: unknown): boolean {
    return value instanceof Decimal;
  }
  encode(value: Decimal): string {
    return value.toString();
  }
  decode(data: string): Decimal {
    return Decimal.parse(text(data));
  }
}

/** What {@link DatetimeAsISO} decodes to. */
export type DecodedDatetime = 'DateTime' | 'Date';

/**
 * Dates with a time as Python's `isoformat()` writes them: `datetime_iso`. Takes {@link DateTime} and `Date`, and the
 * `PlainDateTime`, `ZonedDateTime` and `Instant` of Temporal where the platform has it.
 */
export class DatetimeAsISO implements Transcoding<object, string> {
  readonly name: string = 'datetime_iso';
  readonly #decodesTo: DecodedDatetime;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /**
   * @param options - `decodesTo`: `DateTime` keeps everything; `Date` is for data that never has microseconds or a
   *   missing offset, and refuses those that do. The default is `DateTime`
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none of these words
   */
  constructor(options: { readonly decodesTo?: DecodedDatetime } = {}) {
    validateWord('decodesTo', options.decodesTo, ['DateTime', 'Date']);
    this.#decodesTo = options.decodesTo ?? 'DateTime';
  }

  is(value: unknown): boolean {
    return value instanceof DateTime || value instanceof Date || isTemporal(value);
  }

  encode(value: object): string {
    if (value instanceof DateTime) return value.toString();
    if (value instanceof Date) return DateTime.fromDate(value).toString();
    // Temporal writes the zone's name in brackets, which has no place here.
    return DateTime.parse((value as { toString(): string }).toString().replace(/\[.*$/, '')).toString();
  }

  decode(data: string): DateTime | Date {
    const value = DateTime.parse(text(data));
    if (this.#decodesTo === 'DateTime') return value;
    if (value.microsecond % 1_000 !== 0) throw new TypeError(`A Date would lose the microseconds of ${data}`);
    return value.toDate();
  }
}

/** `Uint8Array` as base64: `bytes_base64`. */
export class BytesAsBase64 implements Transcoding<Uint8Array, string> {
  readonly name: string = 'bytes_base64';
  is(value: unknown): boolean {
    return value instanceof Uint8Array;
  }
  encode(value: Uint8Array): string {
    return toBase64(value);
  }
  decode(data: string): Uint8Array {
    return fromBase64(text(data));
  }
}

/** `Map` as a list of pairs, in order: `map_as_items`. Keys may be of any type. */
export class MapAsItems implements Transcoding<Map<unknown, unknown>, unknown[][]> {
  readonly name: string = 'map_as_items';
  is(value: unknown): boolean {
    return value instanceof Map;
  }
  encode(value: Map<unknown, unknown>): unknown[][] {
    return [...value];
  }
  decode(data: unknown[][]): Map<unknown, unknown> {
    return new Map(
      list(data).map((pair) => {
        const [key, value] = list(pair);
        return [key, value] as const;
      }),
    );
  }
}

/** `Set` as a list, in order: `set_as_items`. */
export class SetAsItems implements Transcoding<Set<unknown>, unknown[]> {
  readonly name: string = 'set_as_items';
  is(value: unknown): boolean {
    return value instanceof Set;
  }
  encode(value: Set<unknown>): unknown[] {
    return [...value];
  }
  decode(data: unknown[]): Set<unknown> {
    return new Set(list(data));
  }
}

function text(data: unknown): string {
  if (typeof data !== 'string') throw new TypeError(`expected a text, found ${typeof data}`);
  return data;
}

function list(data: unknown): unknown[] {
  if (!Array.isArray(data)) throw new TypeError(`expected a list, found ${typeof data}`);
  return data as unknown[];
}

function isTemporal(value: unknown): boolean {
  const tag = Object.prototype.toString.call(value);
  return /^\[object Temporal\.(PlainDateTime|ZonedDateTime|Instant)\]$/.test(tag);
}
