import { DataError, DatabaseError, IntegrityError, OperationalError } from '../errors.js';

/**
 * Maps what a SQLite engine threw to the error tree, as the Python library does.
 *
 * @param cause - the engine's error; engines agree on SQLite's message texts, not on codes
 */
export function sqliteError(cause: unknown): DatabaseError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const ErrorClass = classFor(message);
  return new ErrorClass(`SQLite refused: ${message}`, { cause });
}

function classFor(message: string): new (message: string, options: { cause: unknown }) => DatabaseError {
  if (/constraint failed/i.test(message)) return IntegrityError;
  if (/datatype mismatch|too big|out of range/i.test(message)) return DataError;
  if (/no such|syntax error|locked|readonly|disk|full|unable to open|already exists|incomplete/i.test(message)) {
    return OperationalError;
  }
  return DatabaseError;
}
