/**
 * Carries errors across a boundary that clones or serialises: the worker's message port and the wire.
 *
 * Comlink and JSON keep only a message; here the class (by its stable code), the details and the chain of
 * causes are kept as well. Causes that are not ours arrive as plain errors with name and message.
 *
 * @module
 */
import { EventSourcingError, isEventSourcingError } from './errors.js';
import type { ErrorDetails, EventSourcingErrorClass } from './errors.js';

/** An error as plain data. New optional fields may be added; readers ignore what they do not know. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  /** Absent for errors that are not Daybook's. */
  readonly code?: string;
  readonly details?: ErrorDetails;
  readonly stack?: string;
  readonly cause?: ErrorData;
}

// A chain longer than this is a loop or a bug; what is deeper is cut.
const CAUSES_MAX = 8;

/**
 * Makes plain data of anything that was thrown.
 *
 * @param thrown - an error, or whatever else was thrown
 * @param options - `stack: false` leaves stacks out, as an answer to another machine should
 */
export function encodeError(thrown: unknown, options: { readonly stack?: boolean } = {}): ErrorData {
  return encodeChain(thrown, options.stack ?? true, CAUSES_MAX);
}

function encodeChain(thrown: unknown, withStack: boolean, causesLeft: number): ErrorData {
  if (!(thrown instanceof Error) && !isEventSourcingError(thrown)) {
    return { name: 'Error', message: describe(thrown) };
  }
  return {
    name: thrown.name,
    message: thrown.message,
    ...(isEventSourcingError(thrown) ? { code: thrown.code, details: { ...thrown.details } } : {}),
    ...(withStack && thrown.stack !== undefined ? { stack: thrown.stack } : {}),
    ...(thrown.cause !== undefined && causesLeft > 0
      ? { cause: encodeChain(thrown.cause, withStack, causesLeft - 1) }
      : {}),
  };
}

function describe(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'a value that cannot be described';
  }
}

/**
 * The reverse of {@link encodeError}.
 *
 * @param data - what `encodeError` made
 * @param classes - the classes to revive, found by `code`; an unknown code gives a plain
 *   `EventSourcingError` that keeps the foreign code, so that an older reader still sees it
 */
export function decodeError(data: ErrorData, classes: readonly EventSourcingErrorClass[]): Error {
  const cause = data.cause === undefined ? undefined : decodeError(data.cause, classes);
  const error = data.code === undefined ? foreignError(data, cause) : ownError(data, data.code, cause, classes);
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}

function ownError(
  data: ErrorData,
  code: string,
  cause: Error | undefined,
  classes: readonly EventSourcingErrorClass[],
): Error {
  const options = { ...(cause === undefined ? {} : { cause }), details: data.details ?? {} };
  const ErrorClass = classes.find((candidate) => candidate.code === code);
  if (ErrorClass !== undefined) return new ErrorClass(data.message, options);
  return Object.assign(new EventSourcingError(data.message, options), { code, name: data.name });
}

function foreignError(data: ErrorData, cause: Error | undefined): Error {
  const error = new Error(data.message, cause === undefined ? undefined : { cause });
  error.name = data.name;
  return error;
}
