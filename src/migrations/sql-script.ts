/**
 * Scripts of SQL, cut into statements, for PostgreSQL and SQLite alike.
 *
 * Statements are run one by one, and not as the text that they are in: an error then says which it was, and none of them can end
 * the transaction in between. What ends, escapes or outlasts it is refused before anything is run.
 *
 * ```text
 * 'it''s'  E'it\'s'  "a name"  `a name`  $tag$ … $tag$      quoted: semicolons in them mean nothing
 * -- …     /* … /* … *\/ *\/                               comments; those of PostgreSQL nest
 * CREATE TRIGGER … BEGIN …; END    BEGIN ATOMIC …; END      one statement
 * -- daybook: no-transaction                               a line above the first statement: run outside of any transaction
 * ```
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';

/** A statement of a script. */
export interface ScriptStatement {
  /** Without a semicolon at the end, and comments around it. */
  readonly text: string;
  /** Its words that are not quoted, in capitals, in their order. */
  readonly words: readonly string[];
}

/** A script that can be run. */
export interface SqlScript {
  readonly statements: readonly ScriptStatement[];
  /** Whether it is run in a transaction. */
  readonly isTransactional: boolean;
}

const TOKEN =
  /--[^\n]*|\/\*|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\$((?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$[\s\S]*?(?:\$\1\$|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|\s+|[\s\S]/gy;
const ESCAPED_TEXT = /'(?:[^'\\]|\\[\s\S]|'')*'/y;
const ESCAPED_TEXT_WHOLE = /^'(?:[^'\\]|\\[\s\S]|'')*'$/;
const WORD = /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*$/;
const TAG = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/;
const QUOTED = /^['"`]/;
const SPACE = /^(?:--|\s)/;
const MARKER = /^--\s*daybook:\s*(.*?)\s*$/gm;
const NO_TRANSACTION = 'no-transaction';
const ENDS_TRANSACTION = ['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE'];
const OF_SESSION = ['RESET', 'DISCARD', 'LISTEN', 'UNLISTEN', 'PREPARE', 'DEALLOCATE', 'DECLARE', 'ATTACH', 'DETACH'];

/**
 * Reads a script.
 *
 * @param what - names it in errors
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none, has no statements, or one that cannot be in it
 */
export function readScript(what: string, text: string): SqlScript {
  if (typeof (text as unknown) !== 'string') throw new ProgrammingError(`${what} must be SQL, a text.`);
  const { statements, begins } = cut(what, text);
  if (statements.length === 0) throw new ProgrammingError(`${what} has no statement.`);
  for (const statement of statements) refuse(what, statement);
  return { statements, isTransactional: !markersOf(what, text.slice(0, begins)).includes(NO_TRANSACTION) };
}

function markersOf(what: string, head: string): readonly string[] {
  const markers = [...head.matchAll(MARKER)].map(([, marker = '']) => marker);
  const unknown = markers.find((marker) => marker !== NO_TRANSACTION);
  if (unknown === undefined) return markers;
  throw new ProgrammingError(`${what}: there is no marker ${unknown} here, only ${NO_TRANSACTION}.`);
}

function cut(what: string, text: string): { readonly statements: readonly ScriptStatement[]; readonly begins: number } {
  const statements: ScriptStatement[] = [];
  let words: string[] = [];
  let [start, end, depth, begins] = [-1, -1, 0, -1];
  for (const token of tokensOf(what, text)) {
    if (token.text === ';' && depth === 0) {
      if (start >= 0) statements.push({ text: text.slice(start, end), words });
      [start, words] = [-1, []];
      continue;
    }
    if (start < 0) start = token.at;
    if (begins < 0) begins = token.at;
    end = token.at + token.text.length;
    if (!WORD.test(token.text)) continue;
    words.push(token.text.toUpperCase());
    depth += deeper(words, depth);
  }
  if (depth > 0) throw new ProgrammingError(`${what}: a BEGIN has no END.`);
  if (start >= 0) statements.push({ text: text.slice(start, end), words });
  return { statements, begins };
}

/** How many more blocks are open after the last word. */
function deeper(words: readonly string[], depth: number): number {
  const last = words.at(-1);
  if (depth === 0) {
    if (words[0] !== 'CREATE') return 0;
    // A column may be called so.
    const isTrigger = last === 'BEGIN' && words.slice(1, 3).includes('TRIGGER');
    return isTrigger || (last === 'ATOMIC' && words.at(-2) === 'BEGIN') ? 1 : 0;
  }
  if (last === 'END') return -1;
  return last === 'CASE' ? 1 : 0;
}

function* tokensOf(what: string, text: string): Generator<{ readonly text: string; readonly at: number }> {
  for (let at = 0; at < text.length;) {
    const token = tokenAt(text, at);
    if (!isClosed(token)) throw endless(what, token);
    if (token === '/*') {
      at = afterComment(what, text, at);
      continue;
    }
    if (!SPACE.test(token)) yield { text: token, at };
    at += token.length;
  }
}

function tokenAt(text: string, at: number): string {
  TOKEN.lastIndex = at;
  const [token = ''] = TOKEN.exec(text) ?? [];
  if (!/^e$/i.test(token) || text[at + 1] !== "'") return token;
  ESCAPED_TEXT.lastIndex = at + 1;
  const [escaped = ''] = ESCAPED_TEXT.exec(text) ?? [];
  return token + (escaped === '' ? text.slice(at + 1) : escaped);
}

function isClosed(token: string): boolean {
  const [tag] = TAG.exec(token) ?? [];
  if (tag !== undefined) return token.length >= 2 * tag.length && token.endsWith(tag);
  if (/^e'/i.test(token)) return ESCAPED_TEXT_WHOLE.test(token.slice(1));
  if (!QUOTED.test(token)) return true;
  const quote = token.charAt(0);
  return token.length > 1 && token.endsWith(quote) && (token.split(quote).length - 1) % 2 === 0;
}

function afterComment(what: string, text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const two = text.slice(at, at + 2);
    if (two === '/*') depth++;
    else if (two === '*/') depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  throw endless(what, text.slice(start));
}

function endless(what: string, token: string): ProgrammingError {
  return new ProgrammingError(`${what}: what begins with ${JSON.stringify(token.slice(0, 20))} does not end.`);
}

function refuse(what: string, { text, words }: ScriptStatement): void {
  const [first = '', second = ''] = words;
  const why = text.startsWith('\\')
    ? 'that is a command of psql, and no SQL'
    : ENDS_TRANSACTION.includes(first)
      ? 'transactions are the migrator’s'
      : first === 'SET' && !['LOCAL', 'CONSTRAINTS', 'TRANSACTION'].includes(second)
        ? 'it would outlast the migration: use SET LOCAL'
        : OF_SESSION.includes(first)
          ? 'it is of a session, and there may be another one for each statement'
          : first === 'COPY' && words.includes('STDIN')
            ? 'there is nothing to read: use INSERT'
            : undefined;
  if (why === undefined) return;
  throw new ProgrammingError(`${what} has ${JSON.stringify(text.slice(0, 60))}, which cannot be in it: ${why}.`);
}
