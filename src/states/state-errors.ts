/**
 * Errors of the state store.
 *
 * ```text
 * EventSourcingError
 * └─ StateStoreError
 *    ├─ StateNotFoundError   there is no state of this id to be changed
 *    ├─ StateConflictError   a state is not at the version that was expected
 *    ├─ StateFileError       a file of states is damaged, cut off, or none
 *    └─ StateImportError     an import ended before all was stored
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

/**
 * A file of states is damaged, cut off, of other states, or none. Nothing of it was stored. `details` have the name of the
 * `state`, the `line`, from 1 up, and the `reason`: `'header'`, `'other-state'`, `'line'`, `'order'`, `'cut'`, `'count'`,
 * `'checksum'`, `'behind-end'`.
 */
export class StateFileError extends StateStoreError {
  static override readonly code: string = 'STATE_FILE';
}

/**
 * An import of a sound file ended before all was stored: `cause` says why. `details` say how many of the file's states are
 * in the store now, the first ones (`stored`), and how many there are (`total`). To import the file again goes on with it.
 */
export class StateImportError extends StateStoreError {
  static override readonly code: string = 'STATE_IMPORT';
}

/** Every class above, for an error codec. */
export const STATE_ERRORS: readonly EventSourcingErrorClass[] = [
  StateStoreError,
  StateNotFoundError,
  StateConflictError,
  StateFileError,
  StateImportError,
] as readonly EventSourcingErrorClass[];
