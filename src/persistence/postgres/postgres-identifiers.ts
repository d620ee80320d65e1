/**
 * Names in SQL: always quoted, and checked, because PostgreSQL cuts a name that is too long off without a word.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import { shortened } from '../validation.js';

// NAMEDATALEN - 1.
const IDENTIFIER_BYTES_MAX = 63;
const textEncoder = new TextEncoder();

/**
 * Writes a name as SQL.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is empty, has a zero character, half a surrogate pair, or
 *   more than 63 bytes
 */
export function quoteIdentifier(identifier: string): string {
  const bytes = textEncoder.encode(identifier).length;
  const isText = typeof identifier === 'string' && !identifier.includes('\0') && identifier.isWellFormed();
  if (!isText || bytes === 0 || bytes > IDENTIFIER_BYTES_MAX) {
    const shown = shortened(identifier);
    throw new ProgrammingError(
      `${JSON.stringify(shown)} cannot name anything in PostgreSQL: 1 to ${IDENTIFIER_BYTES_MAX} bytes of text without a zero are needed, and it has ${bytes}.`,
      { details: { identifier: shown, bytes, bytesMax: IDENTIFIER_BYTES_MAX } },
    );
  }
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** A name with an ending that must stay: a long name is shortened before it, where PostgreSQL would cut the ending off. */
export function withEnding(name: string, ending: string): string {
  let stem = name;
  const fits = (): boolean => textEncoder.encode(stem + ending).length <= IDENTIFIER_BYTES_MAX && stem.isWellFormed();
  while (stem !== '' && !fits()) stem = stem.slice(0, -1);
  return stem + ending;
}
