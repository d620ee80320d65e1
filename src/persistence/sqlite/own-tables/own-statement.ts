/**
 * One statement of the caller's: what kind it is, what it is refused for before SQLite sees it, and its parameters.
 *
 * Refused is what would end or escape the transaction, what cannot be noted as rows or replayed from its text, and what
 * belongs to Daybook. The list of what is allowed is short, so that a kind of statement that is not known is refused.
 *
 * @module
 */
import { NotSupportedError, ProgrammingError } from '../../errors.js';
import type { PersistenceError } from '../../errors.js';
import { isKeyword, sqlTokens } from './sql-tokens.js';
import type { SqlToken } from './sql-tokens.js';

/** A statement that is allowed as far as its text says. */
export interface OwnStatement {
  /** `rows`: reads or writes rows. `schema`: changes tables, indexes or views. `explain`: shows a plan, runs nothing. */
  readonly kind: 'rows' | 'schema' | 'explain';
  /** To be run: parameters are `?1`, `?2` … */
  readonly sql: string;
  /** How many values it takes. */
  readonly parameterCount: number;
  /** Whether it is an `ALTER TABLE`, which looks at triggers. */
  readonly isAlter: boolean;
}

// Own tables may not have these names, nor be written under them: they are Daybook's or SQLite's.
const RESERVED = /^(?:stored_events|tracking|daybook_.*|sqlite_.*)$/is;
const ROWS = ['SELECT', 'VALUES', 'WITH', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE'];
const OBJECTS = ['TABLE', 'INDEX', 'VIEW'];
// Of the functions that read what pragmas say, the only one that writes. Its plan does not show that.
const OPTIMIZE = 'pragma_optimize';
const WHY_REFUSED: Readonly<Record<string, string>> = {
  BEGIN: 'the transaction is Daybook’s: use transaction(), inside of a transaction for a savepoint',
  ATTACH: 'a store is one database',
  VACUUM: 'it may renumber rows',
  PRAGMA: 'it may change how statements work; to read, use functions such as pragma_table_info(…) in a SELECT',
  ANALYZE: 'what it finds is not the same in every tab',
  TRIGGER: 'what a trigger does cannot be told from what a statement does; write the statement yourself',
  VIRTUAL: 'what a virtual table stores cannot be noted row by row',
  TEMP: 'a temporary table would be there in one tab, and gone with it',
  AS: 'what it selects may differ in another tab: create the table, then INSERT … SELECT',
  DEFERRED: 'foreign keys that are checked at the commit cannot be checked here; leave out DEFERRED',
  ROLLBACK: 'OR ROLLBACK and ON CONFLICT ROLLBACK would end the transaction: use ABORT',
};
const SAME_REASON: Readonly<Record<string, string>> = {
  COMMIT: 'BEGIN',
  END: 'BEGIN',
  ROLLBACK: 'BEGIN',
  SAVEPOINT: 'BEGIN',
  RELEASE: 'BEGIN',
  DETACH: 'ATTACH',
  TEMPORARY: 'TEMP',
};

/**
 * Looks at a statement's text.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no single statement, names what is Daybook's, or its
 * parameters cannot be counted
 * @throws NotSupportedError (`NOT_SUPPORTED`) when it is of a kind that a store in the browser does not take
 */
export function parseOwnStatement(text: string): OwnStatement {
  if (typeof text !== 'string' || text.includes('\0')) throw new ProgrammingError('SQL is a text without zeros.');
  const all = sqlTokens(text);
  const tokens = firstStatement(all);
  // First, because a trigger has semicolons in it, and there is more to say of it.
  const { kind, isAlter } = kindOf(tokens);
  assertSingle(all, tokens.length);
  // Not in kinds that run nothing; and where they are column names, quotes tell that they are.
  if (tokens.some((token) => isKeyword(token, 'ROLLBACK'))) throw refused('ROLLBACK', 'ROLLBACK');
  if (tokens.some((token) => unquoted(token).toLowerCase() === OPTIMIZE)) throw refused('ANALYZE', OPTIMIZE);
  return { kind, isAlter, ...withNumbers(text, tokens) };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is another number of values */
export function assertValueCount(statement: OwnStatement, values: readonly unknown[]): void {
  if (values.length === statement.parameterCount) return;
  throw new ProgrammingError(
    `The statement has ${statement.parameterCount} parameters, and ${values.length} values were given.`,
    { details: { parameters: statement.parameterCount, values: values.length } },
  );
}

/** Whether a table is Daybook's or SQLite's. */
export function isReservedName(name: string): boolean {
  return RESERVED.test(name);
}

/** @returns the error of a statement that would write what is not the caller's */
export function reserved(name: string): ProgrammingError {
  return new ProgrammingError(
    `"${name}" belongs to Daybook or SQLite: read it, but write tables of your own, whose names do not begin with daybook_ or sqlite_. Events are recorded with insertEvents.`,
    { details: { reason: 'reserved', name } },
  );
}

function firstStatement(tokens: readonly SqlToken[]): readonly SqlToken[] {
  const end = tokens.findIndex(({ text, kind }) => kind === 'other' && text === ';');
  const statement = end === -1 ? tokens : tokens.slice(0, end);
  if (statement.length === 0) throw new ProgrammingError('There is no statement in this SQL.');
  return statement;
}

function assertSingle(tokens: readonly SqlToken[], length: number): void {
  if (tokens.slice(length).every(({ kind, text }) => kind === 'other' && text === ';')) return;
  throw new ProgrammingError('These are several statements. Run them one by one.');
}

function kindOf(tokens: readonly SqlToken[]): Pick<OwnStatement, 'kind' | 'isAlter'> {
  const keyword = keywordAt(tokens, 0);
  if (ROWS.includes(keyword)) return { kind: 'rows', isAlter: false };
  if (keyword === 'EXPLAIN') {
    assertExplained(tokens);
    return { kind: 'explain', isAlter: false };
  }
  if (keyword === 'CREATE') assertCreate(tokens);
  else if (keyword === 'DROP') assertObject(tokens, 1);
  else if (keyword === 'ALTER') assertAlter(tokens);
  else throw refused(keyword, keyword);
  return { kind: 'schema', isAlter: keyword === 'ALTER' };
}

/** SQLite carries a pragma out when it is prepared, also one that is only to be explained. */
function assertExplained(tokens: readonly SqlToken[]): void {
  const explained = keywordAt(tokens, keywordAt(tokens, 1) === 'QUERY' ? 3 : 1);
  if (!ROWS.includes(explained)) throw refused(explained, `EXPLAIN ${explained}`);
}

function assertCreate(tokens: readonly SqlToken[]): void {
  const at = keywordAt(tokens, 1) === 'UNIQUE' ? 2 : 1;
  const after = assertObject(tokens, at);
  const object = keywordAt(tokens, at);
  // An index on a table that is not the caller's would be work, or a constraint, for those who write it.
  if (object === 'INDEX') assertName(tokens, after + 1);
  if (object === 'TABLE') assertTable(tokens, after);
}

function assertTable(tokens: readonly SqlToken[], at: number): void {
  if (isKeyword(tokens[at], 'AS')) throw refused('AS', 'CREATE TABLE … AS');
  if (tokens.some((token) => isKeyword(token, 'DEFERRED'))) throw refused('DEFERRED', 'DEFERRED');
}

function assertAlter(tokens: readonly SqlToken[]): void {
  const after = assertObject(tokens, 1);
  const isRename = isKeyword(tokens[after], 'RENAME') && isKeyword(tokens[after + 1], 'TO');
  if (isRename) assertName(tokens, after + 2);
  assertTable(tokens, after);
}

/** @returns where the statement goes on after `TABLE [IF [NOT] EXISTS] name` */
function assertObject(tokens: readonly SqlToken[], at: number): number {
  const object = keywordAt(tokens, at);
  if (!OBJECTS.includes(object)) throw refused(object, `${keywordAt(tokens, 0)} ${object}`);
  let nameAt = at + 1;
  if (isKeyword(tokens[nameAt], 'IF')) nameAt += isKeyword(tokens[nameAt + 1], 'NOT') ? 3 : 2;
  return assertName(tokens, nameAt);
}

/** @returns where the statement goes on after `[main.]name` */
function assertName(tokens: readonly SqlToken[], at: number): number {
  const hasSchema = tokens[at + 1]?.text === '.';
  const schema = hasSchema ? tokens[at] : undefined;
  const name = tokens[hasSchema ? at + 2 : at];
  if (schema !== undefined && unquoted(schema).toLowerCase() !== 'main') throw refused('TEMP', unquoted(schema));
  // SQLite says what is wrong where there is no name.
  if (name !== undefined && isReservedName(unquoted(name))) throw reserved(unquoted(name));
  return hasSchema ? at + 3 : at + 1;
}

/** SQLite takes a text in single quotes for a name where only a name can be. */
function unquoted({ kind, text }: SqlToken): string {
  return kind === 'other' && text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text;
}

function keywordAt(tokens: readonly SqlToken[], at: number): string {
  const token = tokens[at];
  return token?.kind === 'name' && !token.isQuoted ? token.text.toUpperCase() : (token?.text ?? '');
}

/** Gives every parameter its number: SQLite numbers `$1` and `$2` by which comes first, PostgreSQL by what they say. */
function withNumbers(text: string, tokens: readonly SqlToken[]): Pick<OwnStatement, 'sql' | 'parameterCount'> {
  const start = tokens[0]?.start ?? 0;
  let sql = '';
  let copied = start;
  let largest = 0;
  for (const token of tokens) {
    if (token.kind !== 'parameter') continue;
    const number = token.text === '?' ? largest + 1 : numberOf(token);
    largest = Math.max(largest, number);
    sql += `${text.slice(copied, token.start)}?${number}`;
    copied = token.end;
  }
  return { sql: sql + text.slice(copied, tokens.at(-1)?.end), parameterCount: largest };
}

function numberOf({ text }: SqlToken): number {
  const number = /^[?$]([0-9]+)$/.exec(text)?.[1];
  if (number !== undefined && Number(number) > 0) return Number(number);
  throw new ProgrammingError(`"${text}" is no parameter here: use $1, $2 … or ?, in the order of the values.`);
}

function refused(keyword: string, shown: string): PersistenceError {
  const why = WHY_REFUSED[SAME_REASON[keyword] ?? keyword];
  return new NotSupportedError(
    `A store in the browser does not take ${shown}${why === undefined ? '' : `: ${why}`}. Nothing of the statement was done.`,
    { details: { reason: 'statement', statement: shown } },
  );
}
