/**
 * Dates with a time that keep what was written: microseconds, and the offset or its absence.
 *
 * @module
 */

const ISO_DATE = String.raw`(\d{4})-(\d{2})-(\d{2})`;
const ISO_TIME = String.raw`(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?`;
const ISO_OFFSET = String.raw`(Z|[+-]\d{2}:?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)`;
const ISO = new RegExp(`^${ISO_DATE}[T ]${ISO_TIME}${ISO_OFFSET}?$`, 'i');

const UTC_WITHOUT_FRACTION = '2024-02-07T15:32:51+00:00';
const UTC_WITH_FRACTION = '2024-02-07T15:32:51.123456+00:00';
const UTC_OFFSET = '+00:00';
const ZERO = '0'.charCodeAt(0);

const MICROSECONDS_PER_SECOND = 1_000_000;

/** The two types of Temporal that a date with a time may become; by shape, because not every platform has Temporal yet. */
interface TemporalDateTime {
  toString(): string;
}
interface TemporalTypes {
  readonly PlainDateTime: { from(text: string): TemporalDateTime };
  readonly ZonedDateTime: { from(text: string): TemporalDateTime };
}

/**
 * A date with a time as Python's `datetime.datetime` represents it: to the microsecond, with an offset from UTC
 * (aware) or without one (naive). Immutable.
 *
 * @example
 * ```ts
 * const at = DateTime.parse('2024-02-07T15:32:51.123456+01:00');
 * at.toDate(); // the same instant, to the millisecond
 * String(at); // '2024-02-07T15:32:51.123456+01:00'
 * ```
 */
export class DateTime {
  /** The time on the clock, to the millisecond, as if the clock showed UTC. */
  readonly #wallMs: number;
  /** 0 to 999: microseconds beside the milliseconds. */
  readonly #microseconds: number;
  /** East of UTC, in microseconds; undefined when naive. */
  readonly offsetMicroseconds: number | undefined;

  private constructor(wallMs: number, microseconds: number, offsetMicroseconds: number | undefined) {
    this.#wallMs = wallMs;
    this.#microseconds = microseconds;
    this.offsetMicroseconds = offsetMicroseconds;
    Object.freeze(this);
  }

  /**
   * Reads an ISO 8601 date with a time. Digits beyond the microsecond are refused, because they would be lost.
   *
   * @throws TypeError when the text is not one, or names no real date
   */
  static parse(text: string): DateTime {
    const utc = parseUtc(text);
    if (utc !== undefined) return new DateTime(utc.wallMs, utc.microseconds, 0);
    const match = ISO.exec(text);
    if (match === null) throw notADateTime(text);
    const [, year, month, day, hour, minute, second = '0', fraction = '', offset] = match;
    const wall = new Date(0);
    wall.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
    wall.setUTCHours(Number(hour), Number(minute), Number(second));
    const micro = fraction.padEnd(6, '0');
    const isLossy = fraction.length > 6 && /[1-9]/.test(fraction.slice(6));
    // A date that does not exist (30 February, 24:00) has rolled over.
    const isReal =
      wall.getUTCMonth() === Number(month) - 1 &&
      wall.getUTCDate() === Number(day) &&
      wall.getUTCHours() === Number(hour) &&
      wall.getUTCMinutes() === Number(minute) &&
      wall.getUTCSeconds() === Number(second);
    if (!isReal || isLossy || Number(year) === 0) throw notADateTime(text);
    const milliseconds = Number(micro.slice(0, 3));
    return new DateTime(wall.getTime() + milliseconds, Number(micro.slice(3, 6)), parseOffset(offset, text));
  }

  /** The instant of a `Date`, in UTC. @throws TypeError when the date is invalid, or outside the years 1 to 9999 */
  static fromDate(date: Date): DateTime {
    const year = date.getUTCFullYear();
    if (!(year >= 1 && year <= 9_999))
      throw new TypeError(`This date has no ISO form of four-digit years: ${String(date)}`);
    return new DateTime(date.getTime(), 0, 0);
  }

  /** Whether there is no offset: then it names no instant. */
  get isNaive(): boolean {
    return this.offsetMicroseconds === undefined;
  }

  /** Microseconds within the second, 0 to 999 999. */
  get microsecond(): number {
    return (((this.#wallMs % 1_000) + 1_000) % 1_000) * 1_000 + this.#microseconds;
  }

  /**
   * The instant, to the millisecond below.
   *
   * @throws TypeError when naive: it names no instant
   */
  toDate(): Date {
    if (this.offsetMicroseconds === undefined)
      throw new TypeError('A date and time without an offset names no instant.');
    // In this order, because microseconds since 1970 are beyond 2^53 from the year 2255 on.
    return new Date(this.#wallMs + Math.floor((this.#microseconds - this.offsetMicroseconds) / 1_000));
  }

  /**
   * As a `Temporal.ZonedDateTime` (aware) or `Temporal.PlainDateTime` (naive).
   *
   * @throws TypeError where the platform has no Temporal
   */
  toTemporal(): TemporalDateTime {
    const temporal = (globalThis as { Temporal?: TemporalTypes }).Temporal;
    if (temporal === undefined) throw new TypeError('This platform has no Temporal yet; use toDate() or toString().');
    const iso = this.toString();
    if (this.offsetMicroseconds === undefined) return temporal.PlainDateTime.from(iso);
    return temporal.ZonedDateTime.from(`${iso}[${iso.slice(-6)}]`);
  }

  /** Whether the representation is the same: an instant written with two offsets is two values. */
  equals(other: unknown): boolean {
    return other instanceof DateTime && other.toString() === this.toString();
  }

  /** As Python's `isoformat()`: no fraction when it is 0, otherwise six digits; UTC is `+00:00`. */
  toString(): string {
    const micro = this.microsecond;
    const fraction = micro === 0 ? '' : `.${String(micro).padStart(6, '0')}`;
    return isoSeconds(new Date(this.#wallMs)) + fraction + formatOffset(this.offsetMicroseconds);
  }

  /** For logs. The transcoder does not use it: it writes dates as dates. */
  toJSON(): string {
    return this.toString();
  }
}

/**
 * Reads the one form that instants in UTC are written in: `2024-02-07T15:32:51.123456+00:00`, the fraction left out when
 * it is 0. Every event that is read has a time in it, and by a regular expression it takes ten times as long.
 *
 * @returns `undefined` when it is in another form, or names no real date: ask again by the form that takes all
 */
function parseUtc(text: string): { readonly wallMs: number; readonly microseconds: number } | undefined {
  const hasFraction = text.length === UTC_WITH_FRACTION.length;
  if (!hasFraction && text.length !== UTC_WITHOUT_FRACTION.length) return undefined;
  if (!text.endsWith(UTC_OFFSET) || !hasSeparators(text, hasFraction)) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  const micro = hasFraction ? digits(text, 20, 26) : 0;
  // Whatever is not a number is not less, either. Years below 100 are read as of another century by `Date.UTC`.
  if (!(year >= 100 && hour < 24 && minute < 60 && second < 60 && micro < MICROSECONDS_PER_SECOND)) return undefined;
  const seconds = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // A day that its month does not have has rolled over into another one.
  if (seconds.getUTCMonth() !== month - 1) return undefined;
  return { wallMs: seconds.getTime() + Math.floor(micro / 1_000), microseconds: micro % 1_000 };
}

function hasSeparators(text: string, hasFraction: boolean): boolean {
  return (
    text[4] === '-' &&
    text[7] === '-' &&
    text[10] === 'T' &&
    text[13] === ':' &&
    text[16] === ':' &&
    (!hasFraction || text[19] === '.')
  );
}

/** The number that digits stand for; `NaN` when something else is among them. */
function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isoSeconds(date: Date): string {
  return date.toISOString().slice(0, 19);
}

function parseOffset(offset: string | undefined, text: string): number | undefined {
  if (offset === undefined) return undefined;
  if (offset.toUpperCase() === 'Z') return 0;
  const [, sign, hours, minutes, seconds = '0', fraction = ''] =
    /^([+-])(\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?$/.exec(offset) ?? [];
  const total = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  // As Python: strictly between -24 and 24 hours.
  if (Number(minutes) > 59 || Number(seconds) > 59 || total >= 86_400) throw notADateTime(text);
  const micro = total * MICROSECONDS_PER_SECOND + Number(fraction.padEnd(6, '0'));
  return sign === '-' && micro !== 0 ? -micro : micro;
}

function formatOffset(offsetMicroseconds: number | undefined): string {
  if (offsetMicroseconds === undefined) return '';
  const micro = Math.abs(offsetMicroseconds);
  const seconds = Math.floor(micro / MICROSECONDS_PER_SECOND);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}`;
  const fraction = micro % MICROSECONDS_PER_SECOND;
  const rest = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0')}`;
  const tail = seconds % 60 === 0 && rest === '' ? '' : `:${two(seconds % 60)}${rest}`;
  return (offsetMicroseconds < 0 ? '-' : '+') + minutes + tail;
}

function notADateTime(text: string): TypeError {
  return new TypeError(`Not an ISO 8601 date with a time: ${JSON.stringify(text.slice(0, 80))}`);
}
