/**
 * What the one who writes believes about an aggregate.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';

/**
 * `'any'`: nothing; whatever is there, the events go behind it. `'noStream'`: there are no events yet, as does 0.
 * `'streamExists'`: there is at least one. A number: exactly this version.
 */
export type ExpectedVersion = 'any' | 'noStream' | 'streamExists' | number;

const WORDS: readonly unknown[] = ['any', 'noStream', 'streamExists'];

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is neither one of the words nor a version */
export function validateExpectedVersion(expected: ExpectedVersion): void {
  if (WORDS.includes(expected)) return;
  if (typeof expected === 'number' && Number.isSafeInteger(expected) && expected >= 0) return;
  throw new ProgrammingError(
    `expected must be 'any', 'noStream', 'streamExists' or a safe integer, 0 or more, but is ${String(expected)}.`,
  );
}

/** Whether an aggregate at a version (0: it has no events) is as it was expected. */
export function isAsExpected(actual: number, expected: ExpectedVersion): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'noStream':
      return actual === 0;
    case 'streamExists':
      return actual > 0;
    default:
      return actual === expected;
  }
}

/**
 * Whether a conflict leaves the expectation as it was, so that deciding again on newer state makes sense. An exact
 * version that was passed is passed for good, and what exists never ceases to.
 */
export function outlivesConflict(expected: ExpectedVersion): boolean {
  return expected === 'any' || expected === 'streamExists';
}

/** The version after which events were not reckoned with. */
export function versionOf(expected: ExpectedVersion): number {
  return typeof expected === 'number' ? expected : 0;
}
