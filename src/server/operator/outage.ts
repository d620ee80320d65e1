import { isEventSourcingError } from '../../domain/errors.js';

/**
 * Whether an error says that the database is in trouble, or all its connections in use: nothing about the request.
 *
 * Told by the codes of its class and those above, because the recorder may come from another copy of the library.
 */
export function isOperational(thrown: unknown): boolean {
  if (!isEventSourcingError(thrown)) return false;
  let ErrorClass: unknown = thrown.constructor;
  while (typeof ErrorClass === 'function') {
    const { code } = ErrorClass as { code?: unknown };
    if (code === 'OPERATIONAL_ERROR' || code === 'CONNECTION_POOL_CLOSED') return true;
    ErrorClass = Object.getPrototypeOf(ErrorClass);
  }
  return false;
}
