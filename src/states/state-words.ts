/**
 * Words of texts, as they are found: the same on every engine, on a device and on a server.
 *
 * ```text
 * 'Crème  BRÛLÉE, 2 Stück'   creme brulee 2 stuck      marks on letters and the case are no matter
 * '東京都'                    東京都 京都 都              of what is written without spaces each beginning counts
 * ```
 *
 * No engine's own way to take texts apart: SQLite in the browser has none for other letters than those of English,
 * PostgreSQL's depends on its locale, and a device that finds something else than its server finds is not to be trusted.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';

// Longer ones are cut, in documents and in what is searched for.
const WORD_LENGTH_MAX = 64;
// Of a document: further words are not found.
const WORDS_MAX = 10_000;
const SEARCHED_MAX = 32;
const SEARCH_LENGTH_MAX = 1_000;
// A piece of what is written without spaces: enough to tell by.
const PIECE_LENGTH_MAX = 8;

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const MARKS = /[\u0300-\u036f]+/g;
/** Scripts that are written without spaces. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;

/**
 * The words of what fields of a document have in them: of texts, and of lists of texts.
 *
 * @returns each once, in the order of their code points
 * @internal
 */
export function wordsIn(data: Readonly<Record<string, unknown>>, fields: readonly string[]): readonly string[] {
  const words = new Set<string>();
  for (const field of fields) {
    const value = Object.hasOwn(data, field) ? data[field] : undefined;
    for (const text of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (typeof text === 'string') addWords(words, text);
    }
  }
  return [...words].sort(byCodePoints);
}

/**
 * What is searched for, as the beginnings of words.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no text, or too much
 * @internal
 */
export function searchedWords(search: unknown): readonly string[] {
  if (typeof search !== 'string' || search.length > SEARCH_LENGTH_MAX) {
    throw new ProgrammingError(`search must be a text of ${SEARCH_LENGTH_MAX} characters at most.`);
  }
  const searched = new Set<string>();
  for (const word of plainWords(search)) {
    for (const part of partsOf(word)) {
      if (!part.isUnspaced) searched.add(cut(part.text, WORD_LENGTH_MAX));
      else for (const piece of chunksOf(part.text)) searched.add(piece);
    }
  }
  const words = [...searched];
  // What another one begins with is found with that.
  const needed = words.filter((word) => !words.some((other) => other !== word && other.startsWith(word)));
  if (needed.length <= SEARCHED_MAX) return needed;
  throw new ProgrammingError(`${needed.length} words are searched for; ${SEARCHED_MAX} are the most.`);
}

function addWords(words: Set<string>, text: string): void {
  for (const word of plainWords(text)) {
    for (const part of partsOf(word)) {
      for (const found of part.isUnspaced ? piecesOf(part.text) : [cut(part.text, WORD_LENGTH_MAX)]) {
        if (words.size >= WORDS_MAX) return;
        words.add(found);
      }
    }
  }
}

/** Without marks on letters, and in one case: as far as it is known to tell what people take for the same. */
function plainWords(text: string): readonly string[] {
  const plain = text.normalize('NFKD').replace(MARKS, '').normalize('NFC');
  // Upper case first: `ß` is `SS` there, and a final sigma a sigma.
  const folded = plain.toUpperCase().toLowerCase().normalize('NFKD').replace(MARKS, '').normalize('NFC');
  return folded.replaceAll('ς', 'σ').match(WORD) ?? [];
}

interface Part {
  readonly text: string;
  readonly isUnspaced: boolean;
}

function partsOf(word: string): readonly Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const found of word.matchAll(UNSPACED)) {
    if (found.index > end) parts.push({ text: word.slice(end, found.index), isUnspaced: false });
    parts.push({ text: found[0], isUnspaced: true });
    end = found.index + found[0].length;
  }
  if (end < word.length) parts.push({ text: word.slice(end), isUnspaced: false });
  return parts;
}

/** From each character on. */
function piecesOf(text: string): readonly string[] {
  const characters = Array.from(text);
  return characters.map((_, index) => characters.slice(index, index + PIECE_LENGTH_MAX).join(''));
}

/** One after another: each is the beginning of a piece of a document that has all of it. */
function chunksOf(text: string): readonly string[] {
  const characters = Array.from(text);
  const chunks: string[] = [];
  for (let from = 0; from < characters.length; from += PIECE_LENGTH_MAX) {
    chunks.push(characters.slice(from, from + PIECE_LENGTH_MAX).join(''));
  }
  return chunks;
}

function cut(word: string, length: number): string {
  return word.length <= length ? word : Array.from(word).slice(0, length).join('');
}

function byCodePoints(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
