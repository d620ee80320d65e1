/** Lines of bytes that come in chunks. */

const LINE_FEED = 10;

/** A line. */
export interface ByteLine {
  /** With its line feed. */
  readonly bytes: Uint8Array;
  /** Whether it has one: not, where the bytes end before, or it is longer than a line may be. */
  readonly isWhole: boolean;
}

/**
 * Cuts bytes into lines.
 *
 * @param chunks - cut anywhere
 * @param bytesMax - of a line; nothing is read behind one that is longer
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<ByteLine, void, undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      yield { bytes: joined([...parts, rest.subarray(0, end + 1)]), isWhole: true };
      [parts, length] = [[], 0];
      rest = rest.subarray(end + 1);
    }
    if (rest.length === 0) continue;
    parts.push(rest);
    length += rest.length;
    if (length > bytesMax) break;
  }
  if (length > 0) yield { bytes: joined(parts), isWhole: false };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
