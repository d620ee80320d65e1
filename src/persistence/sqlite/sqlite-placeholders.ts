/**
 * Parameters `$1`, `$2` … for SQLite.
 *
 * SQLite takes `$1` for a name, and numbers names in the order of their appearance: `$2 … $1` would be bound the wrong
 * way round. And engines do not agree on `?1`. So each becomes a plain `?`, with its values in that order.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';

/** A text with plain placeholders. */
export interface NumberedStatement {
  readonly sql: string;
  /** For each `?`, which of the caller's values it takes, counted from 0. */
  readonly order: readonly number[];
}

// What may hold a $ that is no parameter comes first: literals, quoted names, comments. An unfinished one goes to the end,
// as SQLite reads it, and SQLite then refuses it.
const TOKENS =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z0-9_\u0080-\uffff]+\$?[\w$]*|\$(\d+)/g;
const PLACEHOLDERS = new RegExp(`${TOKENS.source}|\\?`, 'g');

/** Replaces the numbered parameters of a statement. */
export function toPlainPlaceholders(text: string): NumberedStatement {
  const order: number[] = [];
  const sql = text.replaceAll(TOKENS, (token, number: string | undefined) => {
    if (number === undefined) return token;
    order.push(Number(number) - 1);
    return '?';
  });
  return { sql, order };
}

/** How many plain placeholders a text has. */
export function countPlaceholders(sql: string): number {
  return [...sql.matchAll(PLACEHOLDERS)].filter(([token]) => token === '?').length;
}

/**
 * The values in the order of the placeholders.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no value for a parameter, or no parameter for a value
 */
export function inPlaceholderOrder(order: readonly number[], values: readonly unknown[]): unknown[] {
  const parameters = order.reduce((most, index) => Math.max(most, index + 1), 0);
  if (parameters !== values.length || order.includes(-1)) {
    throw new ProgrammingError(`The statement has ${parameters} parameters, but there are ${values.length} values.`, {
      details: { parameters, values: values.length },
    });
  }
  return order.map((index) => values[index]);
}
