/**
 * Statements with their values written out, so that several go in one message.
 *
 * @module
 */
import { parameterLiteral } from './postgres-literals.js';

// A parameter; or what may look like one and is none: a text, a name, a comment.
const PARAMETERS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1|\$(\d+)/g;

/**
 * Values as literals of no certain type, as parameters are.
 *
 * @returns `undefined` where one has another form with each client library
 */
export function literalsOf(values: readonly unknown[]): readonly string[] | undefined {
  const literals = values.map(parameterLiteral);
  return literals.every((literal) => literal !== undefined) ? literals : undefined;
}

/** A statement with literals in the place of its parameters. */
export function withLiterals(text: string, literals: readonly string[]): string {
  return text.replace(PARAMETERS, (found: string, _tag: unknown, number: string | undefined) =>
    number === undefined ? found : (literals[Number(number) - 1] ?? found),
  );
}
