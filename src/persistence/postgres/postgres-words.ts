/**
 * Words as a `tsvector`, made without a parser or a dictionary, which would take them apart by the locale.
 *
 * Source: https://www.postgresql.org/docs/current/functions-textsearch.html.
 *
 * @module
 */
import type { SqlWords } from '../sql/sql-words.js';

const vectorOf = (column: string): string => `array_to_tsvector(string_to_array(${column}, ' '))`;

/** PostgreSQL's. */
export const POSTGRES_WORDS: SqlWords = {
  // Without a list of what is to be put into it later, which would be looked through by every search.
  indexOn: (column) => `USING gin (${vectorOf(column)}) WITH (fastupdate = off)`,
  have: (column, beginnings, bind) =>
    `${vectorOf(column)} @@ ${bind(beginnings.map((word) => `'${word}':*`).join(' & '))}::tsquery`,
};
