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
import type { ErrorDetails, EventSourcingErrorClass } from '../../domain/errors.js';
import { InternalError } from '../../persistence/errors.js';

// Comlink's own name for what a call threw.
const THROWN = 'throw';

interface Thrown {
  readonly value: unknown;
}
/** Comlink's handler of what a call threw. */
export type ThrownHandler = TransferHandler<Thrown, unknown>;
interface OwnThrown {
  readonly daybookError: ErrorData;
}

/** How errors are sent. */
export interface SendErrorsOptions {
  /**
   * Makes an `InternalError` of those that are not ours, and keeps them as its cause: for a worker in which everything that
   * is thrown is Daybook's to answer for. `false` leaves them to Comlink. @defaultValue `false`
   */
  readonly wrapsForeign?: boolean;
}

let sends = false;
let receives = false;

/**
 * Teaches Comlink to send our errors whole; to be called once. Comlink's handlers are global to a bundle, so whatever is
 * not ours is left to the handler that was there: an application may use Comlink for itself.
 *
 * Apart from {@link receiveErrors}, because a page that only calls needs only the other half, and is smaller by this one.
 */
export function sendErrors(options: SendErrorsOptions = {}): void {
  if (!sends) setHandler((original) => sendingHandler(original, options));
  sends = true;
}

/**
 * Teaches Comlink to take what {@link sendErrors} sends; to be called once.
 *
 * @param classes - which arrive as what they are; others arrive as an `EventSourcingError` with their code
 */
export function receiveErrors(classes: readonly EventSourcingErrorClass[]): void {
  if (!receives) setHandler((original) => receivingHandler(original, classes));
  receives = true;
}

function setHandler(make: (original: ThrownHandler) => ThrownHandler): void {
  transferHandlers.set(THROWN, make(transferHandlers.get(THROWN) as ThrownHandler));
}

/** The handler that {@link sendErrors} sets, over the one that was there. */
export function sendingHandler(
  original: ThrownHandler,
  { wrapsForeign = false }: SendErrorsOptions = {},
): ThrownHandler {
  return {
    ...original,
    serialize: (thrown) => {
      const error = wrapsForeign ? asOwn(thrown.value) : thrown.value;
      return isEventSourcingError(error) ? [ownThrown(error), []] : original.serialize(thrown);
    },
  };
}

/** The handler that {@link receiveErrors} sets, over the one that was there. */
export function receivingHandler(original: ThrownHandler, classes: readonly EventSourcingErrorClass[]): ThrownHandler {
  return {
    ...original,
    deserialize: (serialized) => {
      if (isOwnThrown(serialized)) throw decodeError(serialized.daybookError, classes);
      return original.deserialize(serialized);
    },
  };
}

function asOwn(thrown: unknown): unknown {
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
