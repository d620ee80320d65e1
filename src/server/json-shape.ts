/**
 * Looks at JSON before it is parsed: how deep it is, and how many parts it has.
 *
 * A parser makes an object for each bracket, at a hundred times the byte that it cost to send, and a single megabyte of
 * brackets keeps everybody else waiting. Counting them costs a look at each byte.
 *
 * @module
 */

/** How JSON may be built. */
export interface JsonShape {
  /** Objects and arrays within each other. */
  readonly depthMax: number;
  /** Objects, arrays, and commas: about as many as there are values. */
  readonly partsMax: number;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Whether what is JSON in these bytes stays within the limits. Of what is no JSON, the parser says so. */
export function fitsShape(bytes: Uint8Array, { depthMax, partsMax }: JsonShape): boolean {
  let depth = 0;
  let parts = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfText(bytes, at);
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > depthMax || ++parts > partsMax) return false;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    } else if (byte === COMMA && ++parts > partsMax) {
      return false;
    }
  }
  return true;
}

/** Where the text that begins at a quote ends; the end of the bytes, when it does not. */
function endOfText(bytes: Uint8Array, start: number): number {
  for (let at = start; ;) {
    at = bytes.indexOf(QUOTE, at + 1);
    if (at === -1) return bytes.length;
    let escapes = 0;
    while (at - escapes > start && bytes[at - escapes - 1] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
}
