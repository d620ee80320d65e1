/**
 * Decimal numbers that keep what was written: every digit, trailing zeros, the exponent.
 *
 * @module
 */

interface Special {
  readonly kind: 'infinity' | 'nan' | 'snan';
  readonly payload: string;
}

const FINITE = /^([+-]?)(?=\d|\.\d)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const SPECIAL = /^([+-]?)(?:(inf(?:inity)?)|(s?nan)(\d*))$/i;

/**
 * A decimal number as Python's `decimal.Decimal` represents it: a sign, an integer coefficient and a power of ten.
 * `12.50` and `12.5` are different representations of one number, and both survive. Immutable.
 *
 * Made for carrying amounts without loss, not for arithmetic: hand `toString()` to a library for that, and its
 * result to {@link Decimal.parse}.
 *
 * @example
 * ```ts
 * const price = Decimal.parse('12.50');
 * String(price); // '12.50'
 * price.coefficient; // 1250n
 * price.exponent; // -2
 * ```
 */
export class Decimal {
  /** Whether there is a minus sign; zero has one too. */
  readonly negative: boolean;
  /** The digits as an integer, 0 or more; 0 for what is not finite. */
  readonly coefficient: bigint;
  /** The power of ten that the coefficient is multiplied by; 0 for what is not finite. */
  readonly exponent: number;
  readonly #special: Special | undefined;

  private constructor(negative: boolean, coefficient: bigint, exponent: number, special?: Special) {
    this.negative = negative;
    this.coefficient = coefficient;
    this.exponent = exponent;
    this.#special = special;
    Object.freeze(this);
  }

  /**
   * Reads what Python's `str(Decimal(…))` writes, and what its constructor takes.
   *
   * @throws TypeError when the text is not a decimal number
   */
  static parse(text: string): Decimal {
    const finite = FINITE.exec(text.trim().replaceAll('_', ''));
    if (finite !== null) {
      const [, sign, whole = '', fraction = '', power = '0'] = finite;
      const exponent = Number(power) - fraction.length;
      if (Number.isSafeInteger(exponent)) return new Decimal(sign === '-', BigInt(whole + fraction), exponent);
    }
    const special = SPECIAL.exec(text.trim());
    if (special === null) throw new TypeError(`Not a decimal number: ${JSON.stringify(text.slice(0, 80))}`);
    const [, sign, infinity, nan, payload = ''] = special;
    const kind = infinity !== undefined ? 'infinity' : nan?.toLowerCase() === 'snan' ? 'snan' : 'nan';
    return new Decimal(sign === '-', 0n, 0, { kind, payload: payload.replace(/^0+/, '') });
  }

  /** Whether it is a number, not an infinity or NaN. */
  get isFinite(): boolean {
    return this.#special === undefined;
  }

  /** The nearest floating-point number. */
  toNumber(): number {
    if (this.#special?.kind === 'nan' || this.#special?.kind === 'snan') return Number.NaN;
    return Number(this.toString());
  }

  /** Whether the representation is the same: `12.50` does not equal `12.5`. */
  equals(other: unknown): boolean {
    return other instanceof Decimal && other.toString() === this.toString();
  }

  /** As Python's `str()`: {@link https://docs.python.org/3/library/decimal.html}, "to-scientific-string". */
  toString(): string {
    const sign = this.negative ? '-' : '';
    if (this.#special !== undefined) return sign + specialText(this.#special);
    const digits = this.coefficient.toString();
    // Position of the point, counted from the left of the digits, if no exponent were written.
    const leftDigits = this.exponent + digits.length;
    const point = this.exponent <= 0 && leftDigits > -6 ? leftDigits : 1;
    const power = leftDigits === point ? '' : `E${leftDigits > point ? '+' : ''}${leftDigits - point}`;
    return sign + withPoint(digits, point) + power;
  }

  /** For logs. The transcoder does not use it: it writes decimals as decimals. */
  toJSON(): string {
    return this.toString();
  }
}

function withPoint(digits: string, point: number): string {
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return digits + '0'.repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

function specialText({ kind, payload }: Special): string {
  if (kind === 'infinity') return 'Infinity';
  return (kind === 'snan' ? 'sNaN' : 'NaN') + payload;
}
