/**
 * Errors that a specification expects.
 *
 * @module
 */
import { show } from '../shown-value.js';
import { SpecificationError } from './specification-error.js';
import { firstDifference } from '../../util/value-difference.js';

/** A class of errors. */
export type ErrorClass = abstract new (...given: never[]) => Error;

/** What an error has to be: of a class, of a message, or of several at once. */
export type ExpectedError =
  | ErrorClass
  | RegExp
  | {
      readonly code?: string;
      /** A part of the message, or what matches it. */
      readonly message?: string | RegExp;
      /** These details, beside whatever others. */
      readonly details?: Readonly<Record<string, unknown>>;
    };

/** @throws SpecificationError when what was thrown is not what was expected */
export function requireError(story: string, thrown: unknown, expected: ExpectedError | undefined): void {
  const fault = expected === undefined ? undefined : faultOf(thrown, expected);
  if (fault === undefined) return;
  throw new SpecificationError(`${story}: expected an error ${fault}, got ${show(thrown)}.`, { cause: thrown });
}

/** What an error is not, in words. */
function faultOf(thrown: unknown, expected: ExpectedError): string | undefined {
  if (typeof expected === 'function') return thrown instanceof expected ? undefined : `of ${expected.name}`;
  if (expected instanceof RegExp) return messageFault(thrown, expected);
  const { code, details, message } = expected;
  return (
    (code === undefined || fieldOf(thrown, 'code') === code ? undefined : `with the code ${code}`) ??
    (details === undefined ? undefined : detailsFault(fieldOf(thrown, 'details'), details)) ??
    (message === undefined ? undefined : messageFault(thrown, message))
  );
}

function messageFault(thrown: unknown, expected: string | RegExp): string | undefined {
  const message = String(fieldOf(thrown, 'message'));
  const fits = typeof expected === 'string' ? message.includes(expected) : expected.test(message);
  return fits ? undefined : `whose message fits ${String(expected)}`;
}

function detailsFault(actual: unknown, expected: Readonly<Record<string, unknown>>): string | undefined {
  const wrong = Object.keys(expected).find((key) => firstDifference(fieldOf(actual, key), expected[key]) !== undefined);
  return wrong === undefined ? undefined : `whose details have ${wrong} ${show(expected[wrong])}`;
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}
