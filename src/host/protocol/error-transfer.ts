/**
 * Lets errors cross the worker boundary as what they are: Comlink by itself keeps only name, message and stack, and
 * fails where a thrown value cannot be cloned.
 *
 * @module
 */
import { transferHandlers } from 'comlink';
import type { TransferHandler } from 'comlink';
import { decodeError, encodeError } from '../../domain/error-codec.js';
import type { ErrorData } from '../../domain/error-codec.js';
import { isEventSourcingError } from '../../domain/errors.js';
import type { ErrorDetails } from '../../domain/errors.js';
import { InternalError } from '../../persistence/errors.js';
import { CLIENT_ERRORS } from './client-errors.js';

// Comlink's own name for what a call threw.
const THROWN = 'throw';

interface Thrown {
  readonly value: unknown;
}
interface OwnThrown {
  readonly daybookError: ErrorData;
}

let installed = false;

/**
 * Teaches Comlink our errors; to be called once on both sides. Comlink's handlers are global to a bundle, so whatever
 * is not ours is left to the handler that was there: an application may use Comlink for itself.
 *
 * @param own - what crosses instead of what was thrown; a worker gives {@link asOwnError}, which pages do not load
 */
export function installErrorTransfer(own?: (thrown: unknown) => unknown): void {
  if (installed) return;
  installed = true;
  const original = transferHandlers.get(THROWN) as TransferHandler<Thrown, unknown>;
  transferHandlers.set(THROWN, ownHandler(original, own));
}

/** The handler that {@link installErrorTransfer} sets, over the one that was there. */
export function ownHandler(
  original: TransferHandler<Thrown, unknown>,
  own: (thrown: unknown) => unknown = (thrown) => thrown,
): TransferHandler<Thrown, unknown> {
  return {
    canHandle: (value): value is Thrown => original.canHandle(value),
    serialize: (thrown) => {
      const error = own(thrown.value);
      return isEventSourcingError(error) ? [ownThrown(error), []] : original.serialize(thrown);
    },
    deserialize: (serialized) => {
      if (isOwnThrown(serialized)) throw decodeError(serialized.daybookError, CLIENT_ERRORS);
      return original.deserialize(serialized);
    },
  };
}

/**
 * Makes an `InternalError` of what is not ours, and keeps it as the cause: in the worker, everything that is thrown is
 * Daybook's to answer for.
 */
export function asOwnError(thrown: unknown): unknown {
  if (isEventSourcingError(thrown)) return thrown;
  return new InternalError('Something failed in the worker that should not have. Its cause says what.', {
    cause: thrown,
  });
}

function ownThrown(error: unknown): OwnThrown {
  return { daybookError: cloneable(encodeError(error)) };
}

/** Details are plain by their type; what is not, all the same, would keep the whole error from crossing. */
function cloneable(data: ErrorData): ErrorData {
  const { details, cause } = data;
  return {
    ...data,
    ...(details === undefined ? {} : { details: plainDetails(details) }),
    ...(cause === undefined ? {} : { cause: cloneable(cause) }),
  };
}

function plainDetails(details: Readonly<Record<string, unknown>>): ErrorDetails {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => [key, isPlain(value) ? value : `(${typeof value})`]),
  );
}

function isPlain(value: unknown): value is ErrorDetails[string] {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value);
}

function isOwnThrown(serialized: unknown): serialized is OwnThrown {
  return typeof serialized === 'object' && serialized !== null && 'daybookError' in serialized;
}
