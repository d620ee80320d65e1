/**
 * What can be done about a statement outside of any transaction that the server has ended, because it and another one waited for
 * each other (deadlock).
 *
 * ```text
 * of one transaction by itself     nothing of it was done: again
 * CREATE INDEX CONCURRENTLY name   an index may be there that is of no use: removed, then again
 * DROP INDEX CONCURRENTLY          the index is there, of use or not: again
 * REINDEX, DETACH … CONCURRENTLY   what is left has a name, or a state, that PostgreSQL chooses: somebody has to look
 * CALL, DO                         may have committed something: somebody has to look
 * ```
 *
 * @module
 */
import type { IndexesBesideWriters } from '../persistence/sql/sql-dialect.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { ScriptStatement } from './sql-script.js';

const NAME = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`;
const CREATE_INDEX = new RegExp(
  String.raw`^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(${NAME})\s+ON\s+(?:ONLY\s+)?(${NAME}(?:\.${NAME})?)`,
  'i',
);
const COMMITS = ['CALL', 'DO'];

/** Whether a statement may be in part done when it fails. */
export function mayBeInPart({ words }: ScriptStatement): boolean {
  return words.includes('CONCURRENTLY') || COMMITS.includes(words[0] ?? '');
}

/**
 * Sees to it that a statement which was ended can be run again.
 *
 * @returns whether it can
 */
export async function madeRepeatable(
  recorder: Pick<SqlRecorder, 'query'>,
  { runAlone, discarded }: Repeatable,
  statement: ScriptStatement,
): Promise<boolean> {
  if (!mayBeInPart(statement)) return true;
  const { words, text } = statement;
  if (words[0] === 'DROP' && words[1] === 'INDEX') return true;
  const [, index, table] = CREATE_INDEX.exec(text) ?? [];
  if (index === undefined || table === undefined) return false;
  const { rows } = await recorder.query(discarded.uselessSql, [table, index]);
  for (const { name } of rows) await runAlone(discarded.dropSql(String(name)));
  return true;
}

/** What is needed for it. */
export interface Repeatable {
  readonly runAlone: (sql: string) => Promise<unknown>;
  readonly discarded: Pick<IndexesBesideWriters, 'uselessSql' | 'dropSql'>;
}
