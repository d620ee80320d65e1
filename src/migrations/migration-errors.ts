/**
 * Errors of migrations.
 *
 * ```text
 * EventSourcingError
 * └─ MigrationError
 *    ├─ MigrationChangedError      what was applied is not what is given now
 *    ├─ MigrationOrderError        something applied is missing, or something new is below what was applied
 *    ├─ MigrationUnfinishedError   one that is in no transaction was broken off
 *    ├─ MigrationFailedError       a statement failed
 *    └─ MigrationLosesDataError    a way back would lose data
 * ```
 *
 * @module
 */
import { EventSourcingError } from '../domain/errors.js';
import type { ErrorDetails } from '../domain/errors.js';

/** Base of all errors about migrations. `details` name the `version` and the `name`. */
export class MigrationError<D extends ErrorDetails = ErrorDetails> extends EventSourcingError<D> {
  static override readonly code: string = 'MIGRATION_ERROR';
}

/**
 * A migration was applied with another text than it has now, so that this database and a new one would differ. Nothing was
 * done. `details` have the checksum that was `applied`, and the one that is `given`.
 */
export class MigrationChangedError extends MigrationError {
  static override readonly code: string = 'MIGRATION_CHANGED';
}

/**
 * The migrations that are given do not go on from those that were applied. Nothing was done. `details.reason`: `'missing'`, one
 * that was applied is not given; `'late'`, one is not applied, and a later one is; `'no-way-back'`, one has no `down`.
 */
export class MigrationOrderError extends MigrationError {
  static override readonly code: string = 'MIGRATION_ORDER';
}

/**
 * A migration that is in no transaction was broken off, so that nobody knows which of its statements were carried out. Nothing
 * more is done until somebody has looked, and said so with `resolve`. `details.state` is `'applying'` or `'reverting'`.
 */
export class MigrationUnfinishedError extends MigrationError {
  static override readonly code: string = 'MIGRATION_UNFINISHED';
}

/**
 * A statement failed; the database's own error is the `cause`. `details` have the number of the `statement`, from 1 up, and its
 * `text`, and whether the migration is `unfinished`: that is only where it is in no transaction, otherwise nothing of it was done.
 * Migrations before it stay applied.
 */
export class MigrationFailedError extends MigrationError {
  static override readonly code: string = 'MIGRATION_FAILED';
}

/**
 * A way back has a statement that loses data, or may do so, and nobody has said that it may. Nothing was done. `details` have the
 * number of the `statement`, from 1 up, and its `text`.
 */
export class MigrationLosesDataError extends MigrationError {
  static override readonly code: string = 'MIGRATION_LOSES_DATA';
}
