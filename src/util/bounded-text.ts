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
 * @throws what reading fails with
 */
export async function boundedText(response: Response, bytesMax: number): Promise<BoundedText> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, left] = ['', bytesMax];
  for (;;) {
    const chunk = (await reader?.read())?.value;
    if (chunk === undefined) return { text: text + decoder.decode(), isWhole: true };
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left < 0) break;
  }
  // Not waited for: a stream may take its time to be let go.
  void reader?.cancel().catch(() => undefined);
  return { text, isWhole: false };
}
