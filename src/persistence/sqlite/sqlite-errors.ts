import {
  DataError,
  DatabaseError,
  IntegrityError,
  InterfaceError,
  OperationalError,
  PersistenceError,
  ProgrammingError,
  STATEMENT_REASON,
} from '../errors.js';
import type { ErrorDetails } from '../../domain/errors.js';
import { LOCKED_REASON } from '../serial/lock-retry.js';

type ErrorMaker = new (message: string, options: { cause: unknown; details?: ErrorDetails }) => PersistenceError;

// Engines agree on SQLite's message texts, not on codes. The first that fits counts.
const CLASSES: readonly (readonly [RegExp, ErrorMaker, ErrorDetails?])[] = [
  [/constraint failed/i, IntegrityError as ErrorMaker],
  [/is locked|is busy/i, OperationalError, { reason: LOCKED_REASON }],
  [/datatype mismatch|too big|too large|out of range/i, DataError],
  [/not open|finalized|statement closed|database closed/i, InterfaceError],
  [/cannot be bound|parameter bindings|unknown named parameter|wrong api use|column index/i, ProgrammingError],
  [/readonly|disk|full|unable to open|not a database/i, OperationalError],
  [
    /no such|syntax error|already exists|incomplete|has no column|too (many|complex|long)|not authorized|or SAVEPOINT/i,
    OperationalError,
    { reason: STATEMENT_REASON },
  ],
];

/**
 * Maps what a SQLite engine threw to the error tree, as the Python library does. `details.reason` is `locked` when
 * another connection held the lock.
 *
 * @param cause - the engine's error; an error that is mapped already stays as it is
 * @param engine - for the message
 */
export function sqliteError(cause: unknown, engine: string = 'SQLite'): PersistenceError {
  if (cause instanceof PersistenceError) return cause as PersistenceError;
  const message = cause instanceof Error ? cause.message : String(cause);
  const [, ErrorClass, details] = CLASSES.find(([pattern]) => pattern.test(message)) ?? [undefined, DatabaseError];
  return new ErrorClass(`${engine} refused: ${message}`, { cause, ...(details === undefined ? {} : { details }) });
}

/** Runs a call of an engine, and maps what it throws. */
export function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteError(error);
  }
}
