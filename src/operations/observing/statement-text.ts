/**
 * What of a statement may be shown to people and to other systems: its words, and none of its values.
 *
 * Recorders write values into the texts of their statements, so what is not known to be harmless is left out: a text that
 * does not end counts as one to its end.
 *
 * @module
 */

// Longer ones are those of many events, which say nothing more.
const READ_MAX = 8_000;
const SHOWN_MAX = 2_000;

// In this order: what begins a comment or a quoted text is nothing else. Of PostgreSQL's own E'' a backslash keeps the quote.
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|\\?$)|(?:(?<![\w$])[bBxXnN])?'(?:[^']|'')*(?:'|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|"(?:[^"]|"")*(?:"|$)|(?<![\w$.:@])(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?\w*|\s+|\?\d*|[\w$]+|[\s\S]/g;

/** A statement with `?` in the place of its values, without comments, in one line, of 2,000 characters at most. */
export function shownStatement(text: string): string {
  let shown = '';
  for (const [token, tag] of text.slice(0, READ_MAX).matchAll(TOKEN)) {
    shown += shownToken(token, tag);
    if (shown.length > SHOWN_MAX) break;
  }
  const line = shown.replaceAll(/ {2,}/g, ' ').trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line;
}

function shownToken(token: string, tag: string | undefined): string {
  if (/^(?:--|\/\*|\s)/.test(token)) return ' ';
  const isDollarQuoted = tag !== undefined || token.startsWith('$$');
  return isDollarQuoted || /^[A-Za-z]?'/.test(token) || /^\.?\d/.test(token) ? '?' : token;
}

// What only stands before the statement that matters.
const PREFACE: ReadonlySet<string> = new Set(['BEGIN', 'SET', 'LOCK', 'SAVEPOINT', 'RELEASE', 'START', 'PREPARE']);
// Each is a series of its own in whoever keeps metrics, for ever: no words of users.
const KNOWN: ReadonlySet<string> = new Set(
  'SELECT INSERT UPDATE DELETE MERGE BEGIN COMMIT ROLLBACK SET LOCK SAVEPOINT RELEASE START PREPARE EXECUTE NOTIFY LISTEN UNLISTEN CREATE ALTER DROP TRUNCATE EXPLAIN PRAGMA VALUES COPY REINDEX VACUUM ANALYZE DO SHOW RESET DISCARD'.split(
    ' ',
  ),
);

/** What a statement does, in a word: of several the first that does something. `OTHER` of what is not known. */
export function operationOf(shown: string): string {
  const words = shown.split(';').map(wordOf);
  const word = words.find((one) => one !== '' && !PREFACE.has(one)) ?? words.find((one) => one !== '') ?? '';
  return KNOWN.has(word) ? word : 'OTHER';
}

// What writes is written behind the queries that it is made of.
const WRITES = /(?<!\bfor )\b(insert into|update|delete from|merge into)\b/i;

function wordOf(statement: string): string {
  const word = (/^\W*([A-Za-z]+)/.exec(statement)?.[1] ?? '').toUpperCase();
  if (word !== 'WITH') return word;
  return (WRITES.exec(statement)?.[1] ?? 'SELECT').replace(/ .*/, '').toUpperCase();
}
