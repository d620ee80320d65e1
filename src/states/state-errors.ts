/**
 * Errors of the state store.
 *
 * ```text
 * EventSourcingError
 * └─ StateStoreError
 *    ├─ StateNotFoundError   there is no state of this id to be changed
 *    └─ StateConflictError   a state is not at the version that was expected
 * ```
 *
 * @module
 */
import { EventSourcingError } from '../domain/errors.js';
import type { ErrorDetails, EventSourcingErrorClass } from '../domain/errors.js';

/** Base of all errors about states. */
export class StateStoreError<D extends ErrorDetails = ErrorDetails> extends EventSourcingError<D> {
  static override readonly code: string = 'STATE_STORE_ERROR';
}

/** There is no state of this id to be changed. Nothing was stored. `details` name it. */
export class StateNotFoundError extends StateStoreError {
  static override readonly code: string = 'STATE_NOT_FOUND';
}

/**
 * A state is not at the version that was expected: somebody has changed it since it was read. Nothing was stored. Read it
 * again. `details` have the id, the version that was `expected`, and the `actual` one, 0 where there is no such state.
 */
export class StateConflictError extends StateStoreError {
  static override readonly code: string = 'STATE_CONFLICT';
}

/** Every class above, for an error codec. */
export const STATE_ERRORS: readonly EventSourcingErrorClass[] = [
  StateStoreError,
  StateNotFoundError,
  StateConflictError,
] as readonly EventSourcingErrorClass[];
