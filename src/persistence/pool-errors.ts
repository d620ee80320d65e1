/**
 * Errors of connection pools.
 *
 * ```text
 * InterfaceError
 * ├─ ConnectionPoolClosedError      the pool was closed
 * └─ ConnectionNotFromPoolError     a connection was given back that is not out
 * OperationalError
 * └─ ConnectionUnavailableError     no connection became free in time
 * ```
 *
 * @module
 */
import type { EventSourcingErrorClass } from '../domain/errors.js';
import { InterfaceError, OperationalError } from './errors.js';

/** The pool was closed: nothing was sent to the database. */
export class ConnectionPoolClosedError extends InterfaceError {
  static override readonly code: string = 'CONNECTION_POOL_CLOSED';
}

/** A connection was given back that the pool has not lent, or that was given back before. */
export class ConnectionNotFromPoolError extends InterfaceError {
  static override readonly code: string = 'CONNECTION_NOT_FROM_POOL';
}

/** All connections stayed in use for as long as the pool waits. Nothing was sent to the database; trying again may help. */
export class ConnectionUnavailableError extends OperationalError {
  static override readonly code: string = 'CONNECTION_UNAVAILABLE';
}

/** Every class above, for the error codec. */
export const POOL_ERRORS: readonly EventSourcingErrorClass[] = [
  ConnectionPoolClosedError,
  ConnectionNotFromPoolError,
  ConnectionUnavailableError,
] as readonly EventSourcingErrorClass[];
