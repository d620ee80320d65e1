/**
 * Errors of files of events.
 *
 * ```text
 * EventSourcingError
 * └─ PersistenceError
 *    └─ DatabaseError
 *       ├─ DataError
 *       │  ├─ EventsFileError    a file of events is damaged, cut off, or none
 *       │  └─ ForeignEventError  another event has the place of one in the file
 *       └─ OperationalError
 *          └─ EventsImportError  an import ended before all was stored
 * ```
 *
 * @module
 */
import type { EventSourcingErrorClass } from '../domain/errors.js';
import { DataError, OperationalError } from '../persistence/errors.js';

/**
 * A file of events is damaged, cut off, or none. What is before its last sound checkpoint is in the store, and nothing of what is
 * behind it. `details` have the `line`, from 1 up, how many `events` are before that checkpoint, and the `reason`: `'header'`,
 * `'line'`, `'order'`, `'twice'`, `'count'`, `'hash'`, `'checksum'`, `'cut'`, `'behind-end'`.
 */
export class EventsFileError extends DataError {
  static override readonly code: string = 'EVENTS_FILE';
}

/**
 * Another event has the place of one in the file: the same aggregate and version, and something else in it. Nothing of the part
 * between the two checkpoints around it was stored. `details` have `originatorId`, `originatorVersion`, the `position` in the
 * file, and how many `events` of the file are stored.
 */
export class ForeignEventError extends DataError {
  static override readonly code: string = 'FOREIGN_EVENT';
}

/**
 * An import of what is a sound file so far ended before all was stored: `cause` says why. `details` have how many of its first
 * `events` are stored. To import the file again goes on behind them.
 */
export class EventsImportError extends OperationalError {
  static override readonly code: string = 'EVENTS_IMPORT';
}

/** Every class above, for an error codec. */
export const TRANSFER_ERRORS: readonly EventSourcingErrorClass[] = [
  EventsFileError,
  ForeignEventError,
  EventsImportError,
] as readonly EventSourcingErrorClass[];
