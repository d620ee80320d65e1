/**
 * Texts as values of headers, which are printable ASCII without spaces at their ends.
 *
 * Source: CloudEvents 1.0.2, HTTP protocol binding, section 3.1.3.2.
 *
 * @module
 */
import { DataError } from '../persistence/errors.js';

// Space, double quote, percent, and whatever is not printable ASCII. By code point, so that a surrogate pair is one.
const ENCODED = /[^\x21-\x7E]|["%]/gu;

/** Percent-encodes what may not stand in a header. Half a surrogate pair becomes U+FFFD: it has no encoding. */
export function encodeHeaderValue(text: string): string {
  return text.toWellFormed().replaceAll(ENCODED, (character) => encodeURIComponent(character));
}

/**
 * The reverse of {@link encodeHeaderValue}.
 *
 * @throws DataError (`DATA_ERROR`) when what is encoded is not UTF-8
 */
export function decodeHeaderValue(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw new DataError(`A header has a % that begins no byte: ${JSON.stringify(value.slice(0, 80))}.`, { cause });
  }
}

/** All values encoded. */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, encodeHeaderValue(value)]));
}
