/**
 * Maps what a PostgreSQL client library threw to the error tree, by SQLSTATE, as the Python library's driver does.
 *
 * @module
 */
import {
  DatabaseError,
  DataError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
  STATEMENT_REASON,
} from '../errors.js';
import type { PersistenceError } from '../errors.js';
import { isEventSourcingError } from '../../domain/errors.js';
import type { EventSourcingError } from '../../domain/errors.js';
import { ConnectionPoolClosedError, ConnectionUnavailableError } from './pool-errors.js';

type ErrorClass = new (
  message: string,
  options: { cause: unknown; details: { sqlState?: string; reason?: string } },
) => PersistenceError;

const CLASS_OF_STATE: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  // A standby after a failover: trying again, on the new primary, does help.
  ['25006', OperationalError],
  ['25P03', OperationalError],
]);

const CLASS_OF_STATE_CLASS: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ['08', OperationalError],
  ['0A', NotSupportedError],
  ['20', ProgrammingError],
  ['21', ProgrammingError],
  ['22', DataError],
  ['23', IntegrityError],
  ['24', InternalError],
  ['25', InternalError],
  ['26', OperationalError],
  ['28', OperationalError],
  ['3D', ProgrammingError],
  ['3F', ProgrammingError],
  ['40', OperationalError],
  ['42', ProgrammingError],
  ['44', ProgrammingError],
  ['53', OperationalError],
  ['54', OperationalError],
  ['55', OperationalError],
  ['57', OperationalError],
  ['58', OperationalError],
  ['XX', InternalError],
]);

// How `pg`, which has no code for it, says that a connection is gone. A timeout while connecting is not that.
const LOST_MESSAGE = /^Connection terminated(?! due to connection timeout)/;
// How `pg` says that it knew so before, and sent nothing.
const NOT_SENT_MESSAGE = 'is not queryable';
const LOST_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
// Ended by an administrator, by a crash of another session, or by a time limit of the server's.
const LOST_STATES = /^(?:08|57P01|57P02|57P05|25P03)/;
// How `pg` says that no connection was given back in time.
const POOL_EXHAUSTED = 'timeout exceeded when trying to connect';
const POOL_ENDED = 'after calling end';
const PGLITE_ENDED = 'PGlite is closed';

/** The SQLSTATE of an error that the server itself reported; undefined for errors of the client library. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  // Node's codes can look alike: `EPIPE` has five characters too. Only the server gives a severity.
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined;
}

/** Whether an error says that an established connection is gone. */
export function isConnectionLost(error: unknown): boolean {
  if (sqlStateOf(error) !== undefined) return isSessionEnded(error);
  if (!(error instanceof Error)) return false;
  return (
    LOST_CODES.has((error as { code?: string }).code ?? '') ||
    LOST_MESSAGE.test(error.message) ||
    error.message.includes(NOT_SENT_MESSAGE)
  );
}

/**
 * Whether a message that failed was certainly not carried out, because the connection was gone: nothing was sent, or
 * the server ended the session with a word of its own instead of answering. After a commit it answers first, so such
 * a word means that there was none; a connection that broke silently means nothing.
 */
export function isNotCarriedOut(error: unknown): boolean {
  return isSessionEnded(error) || (error instanceof Error && error.message.includes(NOT_SENT_MESSAGE));
}

function isSessionEnded(error: unknown): boolean {
  const sqlState = sqlStateOf(error);
  return sqlState !== undefined && LOST_STATES.test(sqlState);
}

/**
 * Makes a Daybook error of anything that a client library threw; Daybook's own pass unchanged.
 *
 * @param cause - what was thrown
 */
export function postgresError(cause: unknown): EventSourcingError {
  if (isEventSourcingError(cause)) return cause;
  const message = cause instanceof Error ? cause.message || cause.name : String(cause);
  const sqlState = sqlStateOf(cause);
  if (sqlState !== undefined) {
    const Refusal = CLASS_OF_STATE.get(sqlState) ?? CLASS_OF_STATE_CLASS.get(sqlState.slice(0, 2)) ?? DatabaseError;
    // Program limits: the same row, or the same statement, will be too large again.
    const reason = sqlState.startsWith('54') ? { reason: STATEMENT_REASON } : {};
    return new Refusal(`PostgreSQL refused: ${message}`, { cause, details: { sqlState, ...reason } });
  }
  if (message.includes(POOL_ENDED)) {
    return new ConnectionPoolClosedError('The pool of connections was closed. Nothing was stored.', { cause });
  }
  if (message.includes(PGLITE_ENDED)) {
    return new InterfaceError('The database was closed. Nothing was stored.', { cause });
  }
  if (message === POOL_EXHAUSTED) {
    return new ConnectionUnavailableError('All connections of the pool stayed in use. Nothing was stored.', { cause });
  }
  return new OperationalError(`PostgreSQL cannot be reached: ${message}`, { cause });
}

/**
 * The error of a `COMMIT` that failed. When the connection broke in the middle, nobody knows whether the
 * transaction counts: `details.outcome` is `unknown`, and the caller must look before it tries again.
 */
export function commitError(cause: unknown): EventSourcingError {
  return sqlStateOf(cause) !== undefined && !isConnectionLost(cause) ? postgresError(cause) : unknownOutcome(cause);
}

/** The error of a connection that broke while it committed. */
export function unknownOutcome(cause: unknown): EventSourcingError {
  return new OperationalError(
    'The connection to PostgreSQL broke during the commit: the events may be stored, or not. Read before you record them again.',
    { cause, details: { outcome: 'unknown' } },
  );
}
