/**
 * Words in a column, and how those are found that begin with something: where engines differ. SQLite's is the default.
 *
 * A column has words with a space between each, in lower case, of letters, digits and marks: nobody takes them apart again.
 *
 * @module
 */

/** Binds a value. @returns the parameter, as SQL */
export type BindWord = (value: string) => string;

/** How an engine finds words. Names of columns and tables are SQL already. */
export interface SqlWords {
  /** What an index on the column is `ON`, after the table. @defaultValue none would be of use */
  readonly indexOn?: (column: string) => string;
  /** Whether there is a word for each of some beginnings, one or more. */
  readonly have: (column: string, beginnings: readonly string[], bind: BindWord) => string;
  /** An index of words that is a table of its own. @defaultValue none */
  readonly beside?: WordsBeside;
}

/**
 * An index of words beside a table, which follows it by triggers. They go with the table, and so it does not follow another one
 * of that name: whoever asks looks first.
 */
export interface WordsBeside {
  /** Whether this database can have one: a query for the column `available`, 1 or 0. */
  readonly availableSql: string;
  /** Whether there is one that follows a table: a query for the column `follows`, the name of the table being `$1`. */
  readonly followsSql: string;
  /** What makes it anew, one after another, in a transaction. @param table - its name, without quotes */
  readonly creations: (table: string) => readonly string[];
  /** Whether there is a word for each of some beginnings. */
  readonly have: (table: string, beginnings: readonly string[], bind: BindWord) => string;
}

/** Of a table with the columns `id` and `words`. A trigger is found by its ending. */
const FOLLOWS = { created: 'words_created', changed: 'words_changed', deleted: 'words_deleted' } as const;

/**
 * SQLite's: a look at each row, or FTS5, where the build has it. The one for browsers has not.
 *
 * Source: https://www.sqlite.org/fts5.html. The tokenizer `ascii` takes what is not ASCII for letters.
 */
export const SQLITE_WORDS: SqlWords = {
  have: (column, beginnings, bind) =>
    beginnings.map((word) => `instr(' ' || ${column}, ${bind(` ${word}`)}) > 0`).join(' AND '),
  beside: {
    availableSql: "SELECT sqlite_compileoption_used('ENABLE_FTS5') AS available",
    followsSql: `SELECT count(*) AS follows FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = $1 AND name = $1 || '_${FOLLOWS.created}'`,
    creations: (table) => {
      const [index, key] = [`"${table}_words"`, 'hex(new.id)'];
      // Rows of the index are found by a word that is the id: numbers of rows change when a database is vacuumed.
      const remove = `DELETE FROM ${index} WHERE rowid IN (SELECT rowid FROM ${index} WHERE ${index} MATCH 'key : "' || hex(old.id) || '"');`;
      const add = `INSERT INTO ${index} (id, key, words) VALUES (new.id, ${key}, coalesce(new.words, ''));`;
      return [
        `DROP TABLE IF EXISTS ${index}`,
        ...Object.values(FOLLOWS).map((ending) => `DROP TRIGGER IF EXISTS "${table}_${ending}"`),
        `CREATE VIRTUAL TABLE ${index} USING fts5 (id UNINDEXED, key, words, tokenize = 'ascii')`,
        `INSERT INTO ${index} (id, key, words) SELECT id, hex(id), coalesce(words, '') FROM "${table}"`,
        `CREATE TRIGGER "${table}_${FOLLOWS.created}" AFTER INSERT ON "${table}" BEGIN ${add} END`,
        `CREATE TRIGGER "${table}_${FOLLOWS.changed}" AFTER UPDATE ON "${table}" BEGIN ${remove} ${add} END`,
        `CREATE TRIGGER "${table}_${FOLLOWS.deleted}" AFTER DELETE ON "${table}" BEGIN ${remove} END`,
      ];
    },
    have: (table, beginnings, bind) => {
      const index = `"${table}_words"`;
      const query = `words : (${beginnings.map((word) => `"${word}" *`).join(' AND ')})`;
      return `id IN (SELECT id FROM ${index} WHERE ${index} MATCH ${bind(query)})`;
    },
  },
};

/** How a dialect finds words. */
export function wordsOf({ words }: { readonly words?: SqlWords | undefined }): SqlWords {
  return words ?? SQLITE_WORDS;
}
