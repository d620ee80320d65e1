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
import { ConnectionPoolClosedError, ConnectionUnavailableError } from '../pool-errors.js';

type ErrorClass = new (
  message: string,
  options: { cause: unknown; details: { sqlState?: string; reason?: string } },
) => PersistenceError;

const CLASS_OF_STATE: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  // A standby after a failover: trying again, on the new primary, does help.
  ['25006', OperationalError],
  ['25P03', OperationalError],
  ['25P04', OperationalError],
]);

// Said in the server's words, they would not say what to do.
const MESSAGE_OF_STATE: ReadonlyMap<string, string> = new Map([
  [
    '25P03',
    'PostgreSQL ended the transaction, in which nothing happened for longer than idleInTransactionTimeoutMs. Nothing was stored. Wait for other things before the transaction, not in it.',
  ],
  [
    '25P04',
    "PostgreSQL ended the transaction, which took longer than the server's transaction_timeout. Nothing was stored.",
  ],
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
// How `pg` says that it waits no longer. The answer may still come, and would be taken for that of the next statement.
const GIVEN_UP_MESSAGE = 'Query read timeout';
const LOST_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
// Ended by an administrator, by a crash of another session, or by a time limit of the server's.
const ENDED_STATES = /^(?:57P01|57P02|57P05|25P03|25P04)/;
// Told by somebody who stands in between, and cannot know either: a connection to the server that broke (08), a
// completion that is unknown.
const BROKEN_STATES = /^(?:08|40003)/;
const LAST_WORDS: ReadonlySet<string> = new Set(['FATAL', 'PANIC']);
// What the server says of failures of its own is a refusal only where it says ERROR: other languages have other words for
// FATAL, of which there is no list.
const FAILURE_STATES = /^(?:58|XX)/;
const INTERNAL_STATE = 'XX000';
const SERIALIZATION_STATES: ReadonlySet<string | undefined> = new Set(['40001', '40P01']);
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
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) return ENDED_STATES.test(sqlState) || BROKEN_STATES.test(sqlState);
  if (!(error instanceof Error)) return false;
  return (
    LOST_CODES.has((error as { code?: string }).code ?? '') || LOST_MESSAGE.test(error.message) || isNotSent(error)
  );
}

/** Whether the client library knew that the connection was gone, and sent nothing. */
export function isNotSent(error: unknown): boolean {
  return error instanceof Error && error.message.includes(NOT_SENT_MESSAGE);
}

/**
 * Whether the server rolled a transaction back because of another one that ran beside it: a deadlock, or an isolation that
 * could not be kept. The same again may succeed.
 */
export function isSerializationFailure(error: unknown): boolean {
  return isRefusal(error) && SERIALIZATION_STATES.has(sqlStateOf(error));
}

/**
 * Whether the server has met the change of another session to the same thing: a grant on one schema, for example, by two at
 * once. It has no state of its own for that, and waits for nobody there. The same again may succeed.
 */
export function isCatalogBusy(error: unknown): boolean {
  return (
    sqlStateOf(error) === INTERNAL_STATE && /^tuple concurrently (?:updated|deleted)$/.test((error as Error).message)
  );
}

/**
 * Whether an error is the refusal of a statement, which the server rolled back: the session goes on after it. A word
 * with which the session ends is none, however it came: a proxy says it in the server's name, and the server itself may
 * have committed before.
 */
export function isRefusal(error: unknown): boolean {
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined || isConnectionLost(error)) return false;
  const { severity } = error as { severity?: unknown };
  return severity === 'ERROR' || !(LAST_WORDS.has(String(severity)) || FAILURE_STATES.test(sqlState));
}

/** Whether a session was ended by a word of the server's own kind, as it is when a server restarts. */
export function isSessionEnded(error: unknown): boolean {
  return ENDED_STATES.test(sqlStateOf(error) ?? '');
}

/** Whether a connection must not be used any more: it is gone, or nobody knows what its next answer belongs to. */
export function isConnectionDoubtful(error: unknown): boolean {
  if (sqlStateOf(error) !== undefined) return !isRefusal(error);
  return isConnectionLost(error) || (error instanceof Error && error.message === GIVEN_UP_MESSAGE);
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
    return new Refusal(MESSAGE_OF_STATE.get(sqlState) ?? `PostgreSQL refused: ${message}`, {
      cause,
      details: { sqlState, ...reason },
    });
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
 * The error of what commits and did not succeed: a `COMMIT`, or statements that are a transaction of their own. Unless it
 * was refused, or not even sent, nobody knows whether the transaction counts: `details.outcome` is `unknown`, and the
 * caller must look before it tries again.
 */
export function commitError(cause: unknown): EventSourcingError {
  return isRefusal(cause) || isNotSent(cause) ? postgresError(cause) : unknownOutcome(cause);
}

/** Whether an error says that a commit may have happened, or not. */
export function isUnknownOutcome(error: unknown): boolean {
  return isEventSourcingError(error) && error.details['outcome'] === 'unknown';
}

function unknownOutcome(cause: unknown): EventSourcingError {
  const sqlState = sqlStateOf(cause);
  return new OperationalError(
    'The connection to PostgreSQL broke during the commit: the events may be stored, or not. Read before you record them again.',
    { cause, details: { outcome: 'unknown', ...(sqlState === undefined ? {} : { sqlState }) } },
  );
}
