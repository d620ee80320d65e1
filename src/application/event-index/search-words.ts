/**
 * Words of texts, for searching: the same on every engine, which the engines' own full-text searches are not.
 *
 * @module
 */

// Longer ones are no words that somebody searches for, but numbers, keys and the like: their beginnings will do.
const WORD_LENGTH_MAX = 40;
// Of one event: a text of several pages. What comes after is not found.
const WORDS_MAX = 1_000;

// Letters, with what combines with them in scripts that need it, and digits.
const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;
// Accents of Latin, Greek and Cyrillic letters, which people leave out.
const ACCENTS = /[\u0300-\u036f]/g;

/** The words of a text, each once: in lower case, without accents. */
export function wordsOf(text: string): readonly string[] {
  const plain = text.normalize('NFKD').replaceAll(ACCENTS, '').toLowerCase();
  const words = new Set<string>();
  for (const [word] of plain.matchAll(WORD)) {
    words.add(Array.from(word).slice(0, WORD_LENGTH_MAX).join(''));
    if (words.size === WORDS_MAX) break;
  }
  return [...words];
}

/** What every word that begins like this one comes before, in the order of code points. */
export function afterPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
