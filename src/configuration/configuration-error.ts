/**
 * The error of a configuration.
 *
 * @module
 */
import { EventSourcingError } from '../domain/errors.js';

/** Which part of the configuration it is about. */
export interface ConfigurationErrorDetails extends Readonly<Record<string, string | undefined>> {
  /** The keys, with dots, for example `store.provider`; several when any of them would do. */
  readonly keys: string;
  /** What was found, as JSON; absent when nothing was, and when it may hold a password. */
  readonly value?: string;
  /** What would have been right. */
  readonly expected: string;
}

/** A configuration is not what it should be. The message names its keys and what was expected; nothing was opened. */
export class ConfigurationError extends EventSourcingError<ConfigurationErrorDetails> {
  static override readonly code: string = 'CONFIGURATION_ERROR';
}

// Enough to recognise the value in a file.
const VALUE_LENGTH_MAX = 200;
// Addresses often carry a password, and errors end up in logs.
const SECRET_KEY = /url$/i;

/**
 * The error of a key.
 *
 * @param keys - the one that was found, or all that were looked up
 * @param value - what was found; undefined when nothing was
 * @param expected - what would have been right
 */
export function configurationError(keys: readonly string[], value: unknown, expected: string): ConfigurationError {
  const listed = keys.join(', ');
  const shown = keys.some((key) => SECRET_KEY.test(key)) ? undefined : shownValue(value);
  const problem =
    value === undefined
      ? `Nothing was found in the configuration with keys: ${listed}.`
      : `${listed} in the configuration is invalid: ${shown ?? 'its value is kept secret'}.`;
  return new ConfigurationError(`${problem} Expected: ${expected}.`, {
    details: { keys: listed, ...(shown === undefined ? {} : { value: shown }), expected },
  });
}

function shownValue(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  try {
    // Of what has no JSON, such as functions, there is the name of the type.
    return (JSON.stringify(value) as string | undefined)?.slice(0, VALUE_LENGTH_MAX) ?? typeof value;
  } catch {
    return typeof value;
  }
}
