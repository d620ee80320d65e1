/**
 * The error of a setting that is missing, or is not what it should be.
 *
 * @module
 */
import { EventSourcingError } from '../domain/errors.js';

/** Which setting it is about. */
export interface EnvironmentErrorDetails extends Readonly<Record<string, string | undefined>> {
  /** The key it was found under; when it was not found, the keys that were looked up, in that order. */
  readonly keys: string;
  /** What was found; absent when nothing was, and when it is a secret. */
  readonly value?: string;
  /** What would have been right. */
  readonly expected: string;
}

// A setting's value ends up in logs with the error; these must not. Addresses often carry a password.
const SECRET_KEY = /(KEYS?|PASSWORD|SECRET|TOKEN|CREDENTIALS?|URL|DSN)$/i;
// Enough to recognise the value in a configuration file.
const VALUE_LENGTH_MAX = 200;

/** What else an {@link EnvironmentError} says. */
export interface EnvironmentErrorOptions {
  /** What refused the value. */
  readonly cause?: unknown;
  /** Sentences to end the message with: how to put it right. */
  readonly hint?: string;
}

/** A setting is missing, or is not what it should be. The message names its keys, its value and what was expected. */
export class EnvironmentError extends EventSourcingError<EnvironmentErrorDetails> {
  static override readonly code: string = 'ENVIRONMENT_ERROR';
}

/**
 * The error of a setting.
 *
 * @param keys - the key it was found under, or all that were looked up
 * @param value - what was found; left out of the error when the key is one of a secret
 * @param expected - what would have been right, for example `an integer or nothing`
 */
export function environmentError(
  keys: readonly string[],
  value: string | undefined,
  expected: string,
  options: EnvironmentErrorOptions = {},
): EnvironmentError {
  const { hint, ...cause } = options;
  const listed = keys.join(', ');
  const isShown = value !== undefined && !keys.some((key) => SECRET_KEY.test(key));
  const shown = isShown ? { value: value.slice(0, VALUE_LENGTH_MAX) } : {};
  const problem =
    value === undefined
      ? `Nothing was found in the environment with keys: ${listed}. Expected: ${expected}.`
      : `${listed} in the environment is invalid: ${shown.value === undefined ? 'its value is kept secret' : JSON.stringify(shown.value)}. Expected: ${expected}.`;
  return new EnvironmentError(hint === undefined ? problem : `${problem} ${hint}`, {
    ...cause,
    details: { keys: listed, ...shown, expected },
  });
}
