/**
 * Maps what MongoDB's driver threw to the error tree: by the server's codes and labels, and by the names of the driver's own
 * classes, which is not imported for that.
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import type { EventSourcingError } from '../../domain/errors.js';
import {
  DatabaseError,
  DataError,
  IntegrityError,
  InterfaceError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
} from '../errors.js';
import type { PersistenceError } from '../errors.js';

type ErrorClass = new (
  message: string,
  options: { cause: unknown; details: { mongoCode?: number; mongoCodeName?: string } },
) => PersistenceError;

const DUPLICATE_KEY = 11_000;
const NAMESPACE_EXISTS = 48;
const WRITE_CONFLICT = 112;
// "Transaction numbers are only allowed on a replica set member or mongos": a server that is alone.
const ILLEGAL_OPERATION = 20;
const TRANSIENT = 'TransientTransactionError';

// Source: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
const CLASS_OF_CODE: ReadonlyMap<number, ErrorClass> = new Map<number, ErrorClass>([
  [DUPLICATE_KEY, IntegrityError],
  // BadValue, FailedToParse, Unauthorized, TypeMismatch, NamespaceNotFound, IndexNotFound, DollarPrefixedFieldName,
  // InvalidOptions, InvalidNamespace, IndexOptionsConflict, IndexKeySpecsConflict
  ...[2, 9, 13, 14, 26, 27, 52, 72, 73, 85, 86].map((code): [number, ErrorClass] => [code, ProgrammingError]),
  // Overflow, DocumentValidationFailure, CannotIndexParallelArrays, BSONObjectTooLarge, KeyTooLong, and what updates make
  // too large
  ...[15, 121, 171, 10_334, 17_280, 17_419, 17_420].map((code): [number, ErrorClass] => [code, DataError]),
  // CommandNotFound, CommandNotSupported, OperationNotSupportedInTransaction
  ...[59, 115, 263].map((code): [number, ErrorClass] => [code, NotSupportedError]),
  // HostUnreachable, HostNotFound, AuthenticationFailed, LockTimeout, MaxTimeMSExpired, WriteConcernFailed,
  // NetworkTimeout, ShutdownInProgress, UnsatisfiableWriteConcern, WriteConflict, PrimarySteppedDown, ExceededTimeLimit,
  // SocketException, NotWritablePrimary, Interrupted…, OutOfDiskSpace, SnapshotUnavailable, NoSuchTransaction,
  // TransactionTooOld, TransactionExceededLifetimeLimitSeconds
  ...[
    ...[6, 7, 18, 24, 50, 64, 89, 91, 100, 112, 189, 262, 290, 9001, 10_107, 11_600, 11_601, 11_602, 13_435, 13_436],
    ...[14_031, 225, 246, 251],
  ].map((code): [number, ErrorClass] => [code, OperationalError]),
]);

// Names of the driver's classes.
const CLOSED = /^Mongo(?:NotConnected|TopologyClosed|ClientClosed|ExpiredSession)Error$/;
const MISUSED = /^Mongo(?:Parse|InvalidArgument|APIUse|API|Transaction|Compatibility|MissingDependency)Error$|^BSON/;
// Of a transaction that is not committed yet.
const UNSENT = /^Mongo(?:Network|NetworkTimeout|PoolCleared)Error$/;
// What the driver makes of a server that is alone.
const ALONE = 'does not support retryable writes';
const TOO_LARGE = /larger than the maximum|size of BSON|out of range/i;

/** What is looked at of an error of the driver's. */
interface DriverError extends Error {
  readonly code?: unknown;
  readonly codeName?: unknown;
  readonly keyPattern?: unknown;
  readonly writeErrors?: unknown;
  hasErrorLabel?(label: string): boolean;
}

/** Which document of a call met a key that is taken, and of which index. */
export interface DuplicateKey {
  /** Of the documents of the call; 0 where there was one. */
  readonly index: number;
  /** Of the index, joined by commas. `undefined`: the server did not say. */
  readonly fields: string | undefined;
}

/** Whether the server undid a transaction for a reason that passes: another writer was first, or the server changed. */
export function isTransient(error: unknown): boolean {
  return isDriverError(error) && error.hasErrorLabel?.(TRANSIENT) === true;
}

/**
 * Whether a transaction is begun again here, and not by the driver: the server undid it because another one had changed a
 * document before it; or the connection was gone before anything of it was sent, which the driver gives no label.
 */
export function isToBeginAgain(error: unknown): boolean {
  if (!isDriverError(error)) return false;
  if (isTransient(error)) return error.code === WRITE_CONFLICT;
  // A bulk write has its own around it.
  return [error, error.cause].some((one) => isDriverError(one) && UNSENT.test(one.name));
}

/** Whether a collection is there already. */
export function isThereAlready(error: unknown): boolean {
  return isDriverError(error) && error.code === NAMESPACE_EXISTS;
}

/** The key that is taken, where an error is about one. */
export function duplicateKeyOf(error: unknown): DuplicateKey | undefined {
  if (!isDriverError(error) || error.code !== DUPLICATE_KEY) return undefined;
  const first: unknown = Array.isArray(error.writeErrors) ? (error.writeErrors as readonly unknown[])[0] : undefined;
  const { index = 0, err } = (first ?? {}) as { index?: number; err?: { keyPattern?: unknown } };
  const pattern = err?.keyPattern ?? error.keyPattern;
  const fields = typeof pattern === 'object' && pattern !== null ? Object.keys(pattern).join(',') : undefined;
  return { index, fields };
}

/**
 * Makes a Daybook error of anything that the driver threw; Daybook's own pass unchanged.
 *
 * @param cause - what was thrown
 */
export function mongoError(cause: unknown): EventSourcingError {
  if (isEventSourcingError(cause)) return cause;
  if (!isDriverError(cause)) return new DatabaseError(`MongoDB's driver failed: ${String(cause)}`, { cause });
  const { name, message } = cause;
  const details = detailsOf(cause);
  if (details.mongoCode === ILLEGAL_OPERATION || message.includes(ALONE)) return withoutReplicaSet(cause);
  if (details.mongoCode !== undefined && name !== 'MongoNetworkError') {
    const known = CLASS_OF_CODE.get(details.mongoCode);
    const Refusal = known ?? (isTransient(cause) ? OperationalError : DatabaseError);
    return new Refusal(`MongoDB refused: ${message}`, { cause, details });
  }
  if (CLOSED.test(name)) return new InterfaceError('The client of MongoDB was closed. Nothing was stored.', { cause });
  if (TOO_LARGE.test(message) && (MISUSED.test(name) || name === 'RangeError')) {
    return new DataError(`MongoDB's driver refused: ${message}. Nothing was stored.`, { cause });
  }
  if (MISUSED.test(name)) return new ProgrammingError(`MongoDB's driver refused: ${message}`, { cause });
  return name.startsWith('Mongo')
    ? new OperationalError(`MongoDB cannot be reached: ${message}`, { cause })
    : new DatabaseError(`MongoDB's driver failed: ${message}`, { cause });
}

/**
 * The error of a commit that did not succeed. Unless the server said that the transaction is undone, nobody knows whether it
 * counts.
 */
export function mongoCommitError(cause: unknown): EventSourcingError {
  if (isEventSourcingError(cause)) return cause;
  if (isTransient(cause)) return mongoError(cause);
  return new OperationalError(
    'MongoDB did not answer the commit: the events may be stored, or not. Read before you record them again.',
    { cause, details: { outcome: 'unknown', ...(isDriverError(cause) ? detailsOf(cause) : {}) } },
  );
}

/** The error of a server that has no transactions. */
export function withoutReplicaSet(cause?: unknown): NotSupportedError {
  return new NotSupportedError(
    'This MongoDB runs alone, and transactions need a replica set. Nothing was stored. One of a single member is enough: start mongod with --replSet rs0, and run rs.initiate() once.',
    { ...(cause === undefined ? {} : { cause }), details: { reason: 'replicaSet' } },
  );
}

function detailsOf({ code, codeName }: DriverError): { mongoCode?: number; mongoCodeName?: string } {
  return {
    ...(typeof code === 'number' ? { mongoCode: code } : {}),
    ...(typeof codeName === 'string' ? { mongoCodeName: codeName } : {}),
  };
}

function isDriverError(error: unknown): error is DriverError {
  return error instanceof Error;
}
