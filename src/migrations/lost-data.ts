/**
 * Whether a statement may lose data, by what it says: what is known to lose none is listed, and all else may.
 *
 * @module
 */
import type { ScriptStatement } from './sql-script.js';

const HARMLESS = ['CREATE', 'COMMENT', 'GRANT', 'REVOKE', 'SELECT', 'VALUES', 'ANALYZE', 'REINDEX', 'SET', 'NOTIFY'];
const MADE_AGAIN = [
  'INDEX',
  'VIEW',
  'MATERIALIZED',
  'TRIGGER',
  'FUNCTION',
  'PROCEDURE',
  'POLICY',
  'RULE',
  'STATISTICS',
];
const NO_COLUMN = ['CONSTRAINT', 'DEFAULT', 'NOT', 'EXPRESSION', 'IDENTITY'];
const NAMES = /^DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?([\s\S]*?)(?:\s+(?:CASCADE|RESTRICT))?$/i;

/** `'never'`; `'with-rows'` of `tables`, as SQL, where any of them has some; or `'perhaps'`. */
export type DataLoss =
  { readonly loss: 'never' | 'perhaps' } | { readonly loss: 'with-rows'; readonly tables: readonly string[] };

/** What is lost by a statement. */
export function dataLossOf({ text, words }: ScriptStatement): DataLoss {
  const [first = '', second = ''] = words;
  if (HARMLESS.includes(first)) return { loss: 'never' };
  if (first === 'INSERT') return { loss: second === 'OR' || words.includes('UPDATE') ? 'perhaps' : 'never' };
  if (first === 'DROP' && second === 'TABLE') {
    const [, names = ''] = NAMES.exec(text) ?? [];
    return { loss: 'with-rows', tables: names.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).map((name) => name.trim()) };
  }
  if (first === 'DROP')
    return { loss: MADE_AGAIN.includes(second) && !words.includes('CASCADE') ? 'never' : 'perhaps' };
  if (first === 'ALTER') return { loss: MADE_AGAIN.includes(second) || keepsColumns(words) ? 'never' : 'perhaps' };
  return { loss: 'perhaps' };
}

function keepsColumns(words: readonly string[]): boolean {
  if (words[1] !== 'TABLE' || words.includes('TYPE') || words.includes('DETACH')) return false;
  return words.every((word, index) => word !== 'DROP' || NO_COLUMN.includes(words[index + 1] ?? ''));
}
