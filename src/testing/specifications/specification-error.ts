/**
 * How specifications fail.
 *
 * @module
 */
import type { Message } from '../../domain/message-types.js';
import { show } from '../shown-value.js';
import { firstDifference } from '../../util/value-difference.js';

/** Something does not do what its specification says. */
export class SpecificationError extends Error {
  override readonly name: string = 'SpecificationError';

  /** Test runners show the difference between these two. */
  readonly actual: unknown;
  readonly expected: unknown;

  constructor(
    message: string,
    compared: { readonly actual?: unknown; readonly expected?: unknown; cause?: unknown } = {},
  ) {
    super(message, 'cause' in compared ? { cause: compared.cause } : undefined);
    this.actual = compared.actual;
    this.expected = compared.expected;
  }
}

/** @throws SpecificationError that says where the values differ */
export function requireSame(story: string, what: string, actual: unknown, expected: unknown): void {
  const difference = firstDifference(actual, expected);
  if (difference === undefined) return;
  const { path } = difference;
  const where =
    path === '' ? '' : ` It differs at ${path}: expected ${show(difference.expected)}, got ${show(difference.actual)}.`;
  throw new SpecificationError(`${story}: expected ${what} ${show(expected)}, got ${show(actual)}.${where}`, {
    actual,
    expected,
  });
}

/** @throws SpecificationError that lists both, an event a line, and says where they differ */
export function requireSameMessages(story: string, actual: readonly Message[], expected: readonly Message[]): void {
  const difference = firstDifference(actual, expected);
  if (difference === undefined) return;
  const lines = [
    `${story}:`,
    `expected ${listed(expected)}`,
    `got ${listed(actual)}`,
    `They differ at ${difference.path}: expected ${show(difference.expected)}, got ${show(difference.actual)}.`,
  ];
  throw new SpecificationError(lines.join('\n'), { actual, expected });
}

/** Messages, each on a line of its own. */
export function listed(messages: readonly Message[]): string {
  if (messages.length === 0) return 'no events';
  return `${counted(messages.length)}:${messages.map((message) => `\n  ${described(message)}`).join('')}`;
}

/** A message on one line: its type and its data. */
export function described({ type, data }: Message): string {
  return `${type} ${show(data)}`;
}

/** How many events there are, in words. */
export function counted(events: number): string {
  return events === 1 ? '1 event' : `${events} events`;
}
