/**
 * Cuts SQL into tokens, as far as it takes to see what kind of statement it is and what it names. What a statement
 * writes is asked of SQLite itself (`write-guard.ts`).
 *
 * @module
 */

/** A piece of SQL. Space and comments are none. */
export interface SqlToken {
  /** `name`: a keyword or a name, quoted or not. `parameter`: `?`, `?1`, `$1`, `:a` … `other`: everything else. */
  readonly kind: 'name' | 'parameter' | 'other';
  /** As it is written; of a quoted name, the name itself. */
  readonly text: string;
  readonly isQuoted: boolean;
  /** Where it begins and ends in the SQL, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

// In this order: what begins a comment or a quoted text is nothing else. A text or a comment that does not end runs to
// the end of the SQL, where SQLite will complain of it.
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\s+|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|[?][0-9]*|[:@#][\w$]+|\$[\w$:]+|[0-9][\w.]*|\.[0-9]\w*|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[\s\S]/g;
const SKIPPED = /^(?:--|\/\*|\s)/;
const NAME = /^[A-Za-z_\u0080-\uffff]/;
const PARAMETER = /^(?:[?]|[:@#$]\w)/;

/** The tokens of a text of SQL, in their order. */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (const match of sql.matchAll(TOKEN)) {
    const [raw] = match;
    if (!SKIPPED.test(raw)) tokens.push(tokenOf(raw, match.index));
  }
  return tokens;
}

function tokenOf(raw: string, start: number): SqlToken {
  const place = { start, end: start + raw.length };
  const [first] = raw;
  if (first === '"' || first === '`') {
    const text = raw.slice(1, -1).replaceAll(first + first, first);
    return { kind: 'name', text, isQuoted: true, ...place };
  }
  if (first === '[' && raw.length > 1) return { kind: 'name', text: raw.slice(1, -1), isQuoted: true, ...place };
  const kind = NAME.test(raw) ? 'name' : PARAMETER.test(raw) ? 'parameter' : 'other';
  return { kind, text: raw, isQuoted: false, ...place };
}

/** Whether a token is this keyword. */
export function isKeyword(token: SqlToken | undefined, keyword: string): boolean {
  return token?.kind === 'name' && !token.isQuoted && token.text.toUpperCase() === keyword;
}
