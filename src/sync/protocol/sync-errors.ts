/**
 * Errors of synchronisation, the same classes on the replica and on the server.
 *
 * ```text
 * EventSourcingError
 * └─ SyncError
 *    ├─ InvalidRequestError    the server cannot read the request
 *    ├─ UnauthorizedError      no token, or not a good one
 *    ├─ ForbiddenError         a good token that does not allow this
 *    ├─ CursorUnknownError     the log does not have the place that a device stands at: restored, or another one
 *    ├─ PendingUnitsError      something is on this device only
 *    ├─ ScopesChangedError     a device may see another part of the log than that which it stands in
 *    ├─ SetAsideError          a unit is not in the log, and waits for somebody to decide
 *    ├─ StuckError             nothing moves, however often it is tried
 *    ├─ SubjectMismatchError   the store belongs to another one than who is signed in
 *    ├─ TooLargeError          the request, or one event, is larger than the server takes
 *    ├─ UpgradeRequiredError   the protocols do not fit
 *    └─ UnavailableError       no answer that counts: no network, a proxy's page, a server in trouble
 * ```
 *
 * @module
 */
import { EventSourcingError } from '../../domain/errors.js';
import type { EventSourcingErrorClass } from '../../domain/errors.js';
import { DuplicateEventError } from '../../persistence/duplicate-event-error.js';
import { PERSISTENCE_ERRORS } from '../../persistence/errors.js';

/** Base of all errors about getting events to a server. */
export class SyncError extends EventSourcingError {
  static override readonly code: string = 'SYNC_ERROR';
}

/** The server cannot read the request. */
export class InvalidRequestError extends SyncError {
  static override readonly code: string = 'INVALID_REQUEST';
}

/** There was no bearer token, or not one that the server takes. */
export class UnauthorizedError extends SyncError {
  static override readonly code: string = 'UNAUTHORIZED';
}

/** The token is good, but does not allow this. */
export class ForbiddenError extends SyncError {
  static override readonly code: string = 'FORBIDDEN';
}

/** The log does not have, or not any more, the place that a device stands at: it was restored, or is another one. */
export class CursorUnknownError extends SyncError {
  static override readonly code: string = 'CURSOR_UNKNOWN';
}

/**
 * The log has the place that a device stands at, and the device may see another part of it by now: it follows the log
 * from the start once more, and keeps what it has meanwhile.
 */
export class ScopesChangedError extends SyncError {
  static override readonly code: string = 'SCOPES_CHANGED';
}

/**
 * Something is on this device only. `details` has `pendingUnits`, `lostUnits` (the server had them, and has lost them) and
 * `setAsideUnits`.
 */
export class PendingUnitsError extends SyncError {
  static override readonly code: string = 'PENDING_UNITS';
}

/**
 * What was recorded is not in the log, and waits for somebody to decide what becomes of it. `details` has its `unitId` and
 * the `reason`, a code: the server's, or `CONFLICT`, `DEPENDENCY`, `LOST`. The message has the reason's words.
 */
export class SetAsideError extends SyncError {
  static override readonly code: string = 'SET_ASIDE';
}

/** Nothing moves, however often it is tried, though nobody refuses anything. */
export class StuckError extends SyncError {
  static override readonly code: string = 'STUCK';
}

/** The store belongs to another subject than the one who is signed in. Nothing was sent, or fetched. */
export class SubjectMismatchError extends SyncError {
  static override readonly code: string = 'SUBJECT_MISMATCH';
}

/** The request, or one event, is larger than the server takes. */
export class TooLargeError extends SyncError {
  static override readonly code: string = 'TOO_LARGE';
}

/** The two sides speak different versions of the protocol. */
export class UpgradeRequiredError extends SyncError {
  static override readonly code: string = 'UPGRADE_REQUIRED';
}

/** There was no answer that counts. Nothing is known of the request; it is sent again. */
export class UnavailableError extends SyncError {
  static override readonly code: string = 'UNAVAILABLE';
}

/** Every class that an answer may name. */
export const SYNC_ERRORS: readonly EventSourcingErrorClass[] = [
  ...PERSISTENCE_ERRORS,
  DuplicateEventError,
  SyncError,
  InvalidRequestError,
  UnauthorizedError,
  ForbiddenError,
  CursorUnknownError,
  PendingUnitsError,
  ScopesChangedError,
  SetAsideError,
  StuckError,
  SubjectMismatchError,
  TooLargeError,
  UpgradeRequiredError,
  UnavailableError,
] as readonly EventSourcingErrorClass[];
