/**
 * JSON as Python's `json` module reads and writes it, where that differs from JavaScript's.
 *
 * | | Python | here |
 * |---|---|---|
 * | integers beyond 2^53 | any number of digits | `bigint` |
 * | `NaN`, `Infinity`, `-Infinity` | bare words | numbers |
 * | floats | `1e-07`, `1e+16`, `-0.0` | written as Python does; a float with an integral value is written as an integer |
 *
 * @module
 */
import { randomUuid } from '../../util/random-uuid.js';

// An integer of more digits may be beyond 2^53. Only then, and with bare words, is the slow path taken.
const DIGITS_MAX = 15;
const BARE_WORDS = /NaN|Infinity/;
const [ZERO, NINE] = [48, 57];
// Strings are matched so that what stands in them is left alone.
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const INTEGER = /^-?\d+$/;

/**
 * Parses JSON without loss.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function parsePythonJson(text: string): unknown {
  if (hasLongNumber(text)) return parseWithCare(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // Bare words are no JSON for the platform; in strings they were no obstacle.
    if (BARE_WORDS.test(text)) return parseWithCare(text);
    throw error;
  }
}

/**
 * Whether more than 15 digits stand in a row. Every event that is read passes here: a look at every sixteenth character
 * takes a twentieth of the time of a regular expression.
 */
function hasLongNumber(text: string): boolean {
  for (let at = DIGITS_MAX; at < text.length; at += DIGITS_MAX + 1) {
    if (!isDigit(text, at)) continue;
    let first = at;
    while (isDigit(text, first - 1)) first--;
    while (isDigit(text, at + 1)) at++;
    if (at - first >= DIGITS_MAX) return true;
  }
  return false;
}

/** Beyond the text there is no digit: the code there is NaN. */
function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= ZERO && code <= NINE;
}

function parseWithCare(text: string): unknown {
  // What the platform's parser would lose is put into strings that no text can hold by accident or by intent.
  const mark = randomUuid();
  const careful = text.replaceAll(TOKENS, (token) => (isLossy(token) ? `"${mark}${token}"` : token));
  return JSON.parse(careful, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? fromToken(value.slice(mark.length)) : value,
  ) as unknown;
}

function isLossy(token: string): boolean {
  if (token.startsWith('"')) return false;
  return INTEGER.test(token) ? !Number.isSafeInteger(Number(token)) : /[NI]/.test(token);
}

function fromToken(token: string): number | bigint {
  return INTEGER.test(token) ? BigInt(token) : Number(token);
}

/** Writes a number as Python's `repr(float)` does, or as an integer where it has a safe integral value. */
export function formatPythonNumber(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '-0.0' : String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Infinity' : 'Infinity';
  // The shortest digits that read back as the same number: both languages agree on those.
  const [mantissa = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  // Within these bounds JavaScript writes no exponent either. An unsafe integer must not look like one, or it would
  // be read as a bigint.
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
