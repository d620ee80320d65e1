/**
 * Lets errors cross the worker boundary as what they are: Comlink by itself keeps only name, message and stack.
 *
 * @module
 */
import { transferHandlers } from 'comlink';
import type { TransferHandler } from 'comlink';
import { decodeError, encodeError } from '../domain/error-codec.js';
import type { ErrorData } from '../domain/error-codec.js';
import { isEventSourcingError } from '../domain/errors.js';
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
 */
export function installErrorTransfer(): void {
  if (installed) return;
  installed = true;
  const original = transferHandlers.get(THROWN) as TransferHandler<Thrown, unknown>;
  const handler: TransferHandler<Thrown, unknown> = {
    canHandle: (value): value is Thrown => original.canHandle(value),
    serialize: (thrown) =>
      isEventSourcingError(thrown.value)
        ? [{ daybookError: encodeError(thrown.value) } satisfies OwnThrown, []]
        : original.serialize(thrown),
    deserialize: (serialized) => {
      if (isOwnThrown(serialized)) throw decodeError(serialized.daybookError, CLIENT_ERRORS);
      return original.deserialize(serialized);
    },
  };
  transferHandlers.set(THROWN, handler);
}

function isOwnThrown(serialized: unknown): serialized is OwnThrown {
  return typeof serialized === 'object' && serialized !== null && 'daybookError' in serialized;
}
