/** What was read of a body. */
export interface BoundedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether that is all of it. */
  readonly isWhole: boolean;
}

/** What was read of a body. */
export interface BoundedText {
  /** In UTF-8; what is no UTF-8 is U+FFFD. */
  readonly text: string;
  /** Whether that is all of it. */
  readonly isWhole: boolean;
}

/**
 * Reads a body up to a number of bytes, and lets go of the rest: whoever answers decides how long an answer is, and how
 * small it comes compressed.
 *
 * @param onChunk - told of so many bytes, whenever some have come
 * @throws what reading fails with
 */
export async function boundedBytes(
  { body }: Pick<Response, 'body'>,
  bytesMax: number,
  onChunk?: (bytes: number) => void,
): Promise<BoundedBytes> {
  const reader = body?.getReader();
  // Filled as it comes, and not a list of what came: a sender of single bytes would have one object for each.
  let bytes = new Uint8Array(Math.min(bytesMax, BUFFER_BYTES_MIN));
  let length = 0;
  for (;;) {
    const chunk: Uint8Array | undefined = (await reader?.read())?.value;
    if (chunk === undefined) return { bytes: bytes.subarray(0, length), isWhole: true };
    onChunk?.(chunk.length);
    const part = chunk.subarray(0, bytesMax - length);
    if (length + part.length > bytes.length) bytes = grown(bytes, length + part.length, bytesMax);
    bytes.set(part, length);
    length += part.length;
    if (part.length < chunk.length) break;
  }
  // Not waited for: a stream may take its time to be let go.
  void reader?.cancel().catch(() => undefined);
  return { bytes: bytes.subarray(0, length), isWhole: false };
}

/**
 * {@link boundedBytes} as a text. Half a character at the end is left out.
 *
 * @throws what reading fails with
 */
export async function boundedText(response: Pick<Response, 'body'>, bytesMax: number): Promise<BoundedText> {
  const { bytes, isWhole } = await boundedBytes(response, bytesMax);
  return { text: new TextDecoder().decode(bytes, { stream: !isWhole }), isWhole };
}

// Room for the usual body; a large one doubles it a few times.
const BUFFER_BYTES_MIN = 16_384;

function grown(bytes: Uint8Array<ArrayBuffer>, needed: number, bytesMax: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(bytesMax, Math.max(bytes.length * 2, needed)));
  larger.set(bytes);
  return larger;
}
