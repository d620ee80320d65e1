/**
 * Errors of the persistence layer: the PEP 249 tree, as the Python library has it, and what is ours below it.
 *
 * ```text
 * EventSourcingError
 * └─ PersistenceError
 *    ├─ InterfaceError             wrong use of the database interface
 *    ├─ DatabaseError
 *    │  ├─ DataError               a value does not fit, or stored bytes are damaged
 *    │  │  ├─ DecompressionError    bytes are not what the compressor made, or become too large
 *    │  │  ├─ DecryptionError       bytes are not what the cipher made with this key
 *    │  │  ├─ EventTooLargeError    a state is larger than can be pushed
 *    │  │  ├─ ForeignFileError      a file is not an export of a store
 *    │  │  └─ DamagedFileError      a file is an export, and not whole
 *    │  ├─ OperationalError        the database or the storage failed; trying again may help
 *    │  │  ├─ StorageUnavailableError   there is no durable storage here
 *    │  │  ├─ StorageFullError          the quota is used up
 *    │  │  ├─ StorageLostError          the storage was deleted or closed under us
 *    │  │  ├─ StoreExistsError          an import would replace a store
 *    │  │  └─ ImportIncompleteError     a store is not there before its import is finished
 *    │  ├─ IntegrityError          a position is taken: an event's, or a tracking record's; or a unit's id
 *    │  ├─ InternalError           a promise of Daybook's own was broken
 *    │  │  └─ CorruptJournalError  what was read back is not what was written
 *    │  ├─ ProgrammingError        a call that can never work: bad argument, missing table
 *    │  │  └─ ProjectionReplacedError  a view is of a later definition of its projection
 *    │  └─ NotSupportedError       not possible with this engine, or with this version
 *    ├─ HistoryTruncatedError      what is asked for has left this store; the server has it
 *    ├─ LogBehindError             a log has less than what follows it has seen: cut off, restored, or another one
 *    ├─ TopicError                 no event type is registered under a topic
 *    └─ MapperDeserialisationError a stored state cannot be read as an event
 * TypeError
 * └─ TranscodingNotRegisteredError  a value, or a name, without a transcoding
 * ```
 *
 * @module
 */
import { brandError, EventSourcingError } from '../domain/errors.js';
import type { ErrorDetails, EventSourcingErrorClass, EventSourcingErrorOptions } from '../domain/errors.js';

/** Base of all errors about recording and reading back. */
export class PersistenceError<D extends ErrorDetails = ErrorDetails> extends EventSourcingError<D> {
  static override readonly code: string = 'PERSISTENCE_ERROR';
}

/** The database interface was used wrongly, for example after it was closed. */
export class InterfaceError extends PersistenceError {
  static override readonly code: string = 'INTERFACE_ERROR';
}

/**
 * What is asked for is not in this store any more, because confirmed history has left it (`UnitRecorder.truncate`). The
 * server has it. Of an aggregate, `details` has `originatorId` and `version`, the last one that has left; of the
 * application's sequence `notificationId`, the largest that has, and `firstEvent`, what that sequence began with.
 */
export class HistoryTruncatedError extends PersistenceError {
  static override readonly code: string = 'HISTORY_TRUNCATED';
}

/** Base of all errors about the database itself. */
export class DatabaseError<D extends ErrorDetails = ErrorDetails> extends PersistenceError<D> {
  static override readonly code: string = 'DATABASE_ERROR';
}

/** A value does not fit, or stored bytes are damaged. */
export class DataError extends DatabaseError {
  static override readonly code: string = 'DATA_ERROR';
}

/** Bytes are not what the compressor made, or would become larger than is allowed. */
export class DecompressionError extends DataError {
  static override readonly code: string = 'DECOMPRESSION_ERROR';
}

/** An event's state is larger than can be pushed. Nothing was stored. */
export class EventTooLargeError extends DataError {
  static override readonly code: string = 'EVENT_TOO_LARGE';
}

/** A file is not an export of a store. Nothing was imported. */
export class ForeignFileError extends DataError {
  static override readonly code: string = 'FOREIGN_FILE';
}

/**
 * A file is the export of a store, but not as it was written. Nothing was imported. `details.reason` is `'truncated'`
 * or `'changed'`, `details.offsetBytes` says where the part begins that is not right.
 */
export class DamagedFileError extends DataError {
  static override readonly code: string = 'DAMAGED_FILE';
}

/** Bytes are not what the cipher made with this key: damaged, foreign, or another key's. */
export class DecryptionError extends DataError {
  static override readonly code: string = 'DECRYPTION_ERROR';
}

/**
 * The database or the storage failed, and trying again may help. Nothing was stored, unless `details.outcome` is
 * `'unknown'`: then the connection was lost in the middle of a commit.
 */
export class OperationalError extends DatabaseError {
  static override readonly code: string = 'OPERATIONAL_ERROR';
}

/**
 * `details.reason` of an `OperationalError` about a statement that can never work: SQLite's missing tables and wrong SQL,
 * which the Python library's driver reports by that class, or a row that is larger than PostgreSQL can index.
 */
export const STATEMENT_REASON = 'statement';

/** There is no durable storage to be had here: no IndexedDB, or it cannot be written. Never answered by storing in memory instead. */
export class StorageUnavailableError extends OperationalError {
  static override readonly code: string = 'STORAGE_UNAVAILABLE';
}

/**
 * The browser refused to store more. Nothing of the commit was stored; free space, then try again. `details.reason` is
 * `'quota'` when this origin has used up what it may take; `'device'` when there is plenty of that left, so that the
 * disk itself is full, or fails; `'unknown'` when the browser does not say. `details.usageBytes` and
 * `details.quotaBytes` are what it said.
 */
export class StorageFullError extends OperationalError {
  static override readonly code: string = 'STORAGE_FULL';
}

/**
 * As much is on this device only as the store was opened to take (`backlog.maxUnits`), and nothing of the commit was stored.
 * `details` has `pendingUnits` and `maxUnits`. Let it synchronise, then record again.
 */
export class BacklogFullError extends OperationalError {
  static override readonly code: string = 'BACKLOG_FULL';
}

/** The storage was deleted, or its connection closed for good, while it was in use. Open the store again. */
export class StorageLostError extends OperationalError {
  static override readonly code: string = 'STORAGE_LOST';
}

/** An import found a store of that name, and left it as it is. */
export class StoreExistsError extends OperationalError {
  static override readonly code: string = 'STORE_EXISTS';
}

/** An import into this store was begun and not finished: import the same file again, or delete the store. */
export class ImportIncompleteError extends OperationalError {
  static override readonly code: string = 'IMPORT_INCOMPLETE';
}

/** Which unique position was taken. */
export interface IntegrityErrorDetails extends Readonly<Record<string, string | number | undefined>> {
  /**
   * `event`: (originator, version) is taken. `tracking`: the notification was processed before. `unit`: there is a unit of
   * this id.
   */
  readonly constraint?: 'event' | 'past' | 'tracking' | 'unit';
  readonly originatorId?: string;
  readonly originatorVersion?: number;
  readonly applicationName?: string;
  readonly notificationId?: number;
  readonly unitId?: string;
}

/** A unique position is taken, so nothing of the call was stored. This is optimistic concurrency control. */
export class IntegrityError extends DatabaseError<IntegrityErrorDetails> {
  static override readonly code: string = 'INTEGRITY_ERROR';
}

/** A promise of Daybook's own was broken: please report it. */
export class InternalError extends DatabaseError {
  static override readonly code: string = 'INTERNAL_ERROR';
}

/** A journal record is missing, fails its checksum, or does not parse. Nothing is overwritten; every byte is kept. */
export class CorruptJournalError extends InternalError {
  static override readonly code: string = 'CORRUPT_JOURNAL';
}

/** A call that can never work: a bad argument, an unknown column, a table that was not created. */
export class ProgrammingError extends DatabaseError {
  static override readonly code: string = 'PROGRAMMING_ERROR';
}

/** This engine, or this version of Daybook, cannot do it. A store written by a newer version ends here. */
export class NotSupportedError extends DatabaseError {
  static override readonly code: string = 'NOT_SUPPORTED';
}

/** No event type is registered under a topic, or two are. */
export class TopicError extends PersistenceError {
  static override readonly code: string = 'TOPIC_ERROR';
}

/** A stored state cannot be read as an event; details name topic, originatorId and originatorVersion. */
export class MapperDeserialisationError extends PersistenceError {
  static override readonly code: string = 'MAPPER_DESERIALISATION_ERROR';
}

/**
 * No transcoding is registered for a value's type, or for a name that was read. A `TypeError`, as in the Python
 * library, and a Daybook error by its brand, code and details.
 */
export class TranscodingNotRegisteredError extends TypeError {
  static readonly code: string = 'TRANSCODING_NOT_REGISTERED';
  readonly code: string = TranscodingNotRegisteredError.code;
  readonly details: ErrorDetails;

  constructor(message: string, options: EventSourcingErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'TranscodingNotRegisteredError';
    this.details = options.details ?? {};
    brandError(this);
  }
}

/** Every class above, for the error codec at the worker boundary and on the wire. */
export const PERSISTENCE_ERRORS: readonly EventSourcingErrorClass[] = [
  EventSourcingError,
  PersistenceError,
  InterfaceError,
  DatabaseError,
  DataError,
  DecompressionError,
  DecryptionError,
  EventTooLargeError,
  ForeignFileError,
  DamagedFileError,
  OperationalError,
  StorageUnavailableError,
  StorageFullError,
  BacklogFullError,
  StorageLostError,
  StoreExistsError,
  ImportIncompleteError,
  HistoryTruncatedError,
  IntegrityError,
  InternalError,
  CorruptJournalError,
  ProgrammingError,
  NotSupportedError,
  TopicError,
  MapperDeserialisationError,
  TranscodingNotRegisteredError,
] as readonly EventSourcingErrorClass[];
