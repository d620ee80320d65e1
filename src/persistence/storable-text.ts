/**
 * A text as every engine stores it: PostgreSQL takes no U+0000 and no half surrogate pairs.
 *
 * @param lengthMax - in UTF-16 code units; what is longer is cut
 */
export function storableText(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).replaceAll('\0', '\uFFFD').toWellFormed();
}
