/**
 * What has no page in it: errors, mappers, recorders, event stores. All of it is in the main entry too, whose types are
 * those of a page; this one is for a back end, which has no DOM.
 *
 * @module
 */
export { DateTime } from './domain/date-time.js';
export { Decimal } from './domain/decimal.js';
export type { DomainEvent } from './domain/domain-event.js';
export { EventSourcingError, isEventSourcingError } from './domain/errors.js';
export type { ErrorDetails, EventSourcingErrorClass, EventSourcingErrorOptions } from './domain/errors.js';
export { UUID } from './domain/uuid.js';
export { AESCipher } from './persistence/mapping/aes-cipher.js';
export type { Cipher, CipherPlace } from './persistence/mapping/cipher.js';
export { KeyRingCipher } from './persistence/mapping/key-ring-cipher.js';
export type { KeyRing } from './persistence/mapping/key-ring-cipher.js';
export type { Compressor } from './persistence/mapping/compressor.js';
export { Environment } from './environment/environment.js';
export type { EnvironmentOptions, EnvironmentValues } from './environment/environment.js';
export { EnvironmentError } from './environment/environment-error.js';
export type { EnvironmentErrorDetails, EnvironmentErrorOptions } from './environment/environment-error.js';
export {
  BacklogFullError,
  CorruptJournalError,
  DamagedFileError,
  DatabaseError,
  DataError,
  DecompressionError,
  DecryptionError,
  EventTooLargeError,
  ForeignFileError,
  HistoryTruncatedError,
  ImportIncompleteError,
  IntegrityError,
  IntegrityError as RecordConflictError,
  InterfaceError,
  InternalError,
  MapperDeserialisationError,
  NotSupportedError,
  OperationalError,
  PersistenceError,
  ProgrammingError,
  StorageFullError,
  StorageLostError,
  StorageUnavailableError,
  StoreExistsError,
  TopicError,
  TranscodingNotRegisteredError,
} from './persistence/errors.js';
export type { IntegrityErrorDetails } from './persistence/errors.js';
export { EventStore } from './persistence/event-store.js';
export type { EventStoreOptions, EventStream, ReadAllOptions, StreamOptions } from './persistence/event-store.js';
export type { InfrastructureComponents } from './configuration/infrastructure-components.js';
export { InfrastructureFactory } from './configuration/infrastructure-factory.js';
export type { InfrastructureFactoryClass, InfrastructureOptions } from './configuration/infrastructure-factory.js';
export type { PersistenceModules } from './configuration/persistence-modules.js';
export { JSONTranscoder } from './persistence/mapping/json-transcoder.js';
export type { TranscodingOrClass } from './persistence/mapping/json-transcoder.js';
export { Mapper, SNAPSHOT_TOPIC } from './persistence/mapping/mapper.js';
export type { EventMapper, StoringOptions } from './persistence/event-mapper.js';
export type { MapperOptions } from './persistence/mapping/mapper.js';
export { MemoryFactory } from './persistence/memory/memory-factory.js';
export {
  MemoryAggregateRecorder,
  MemoryApplicationRecorder,
  MemoryProcessRecorder,
} from './persistence/memory/memory-recorder.js';
export { MemorySnapshotStore } from './persistence/memory/memory-snapshot-store.js';
export type { DecidedOn, Past, PastEvents } from './persistence/past.js';
export type {
  EngineConnection,
  EngineParts,
  RecorderFactory,
  RecorderFactoryClass,
} from './persistence/recorder-factory.js';
export type {
  EndListener,
  RecorderTransaction,
  TransactionOptions,
  TransactionalRecorder,
  TransactionOutcome,
} from './persistence/recorder-transaction.js';
export { withEnds } from './persistence/transaction-ends.js';
export type { CallOptions } from './persistence/heed-signal.js';
export type {
  AggregateRecorder,
  ApplicationRecorder,
  EditionRecorder,
  InsertEventsOptions,
  ProcessRecorder,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from './persistence/recorder.js';
export type {
  Notification,
  NotificationId,
  OriginatorId,
  Recording,
  StoredEvent,
  Tracking,
} from './persistence/stored-event.js';
export { storedEventEquals } from './persistence/stored-event-equality.js';
export { BOOTSTRAP_AGGREGATES_MAX, BOOTSTRAP_NAMED_MAX, CURSOR_START } from './persistence/unit.js';
export type {
  AggregateBase,
  BootstrapAggregate,
  BootstrapPart,
  Confirmation,
  ConfirmedUnit,
  Cursor,
  EditionId,
  LostUnit,
  PendingUnit,
  Unit,
  UnitId,
  UnitOptions,
  UnitOrigin,
  UnitPage,
} from './persistence/unit.js';
export { DIGEST_START, historyDigest } from './persistence/history-digest.js';
export type { HistoryQuestion } from './persistence/history-digest.js';
export { SUPERSEDED, SUPERSEDED_UNITS_MAX, TRUNCATIONS_MAX, UNITS_FOUND_MAX } from './persistence/unit-recorder.js';
export type {
  BacklogState,
  BootstrapProgress,
  DecideAgainOptions,
  DecidedUnit,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  SupersededAggregate,
  SyncProgress,
  TruncateOptions,
  Truncation,
  UnitLimits,
  UnitRecorder,
  UnitStanding,
} from './persistence/unit-recorder.js';
export type { SqlQueryable, SqlResult } from './persistence/sql/sql-queryable.js';
export type { SnapshotStore, StoredSnapshot } from './persistence/snapshot-store.js';
export { LogBehindError } from './persistence/log-behind.js';
export { follow } from './persistence/subscription.js';
export type { FollowOptions, NotificationSource, OnRecorded, Subscription } from './persistence/subscription.js';
export type { Transcoder, Transcoding } from './persistence/mapping/transcoder.js';
export {
  BytesAsBase64,
  DatetimeAsISO,
  DecimalAsStr,
  MapAsItems,
  SetAsItems,
  UUIDAsHex,
} from './persistence/mapping/transcodings.js';
export type { EventData, EventVersions, Upcast } from './domain/event-versions.js';
export { reviveUuidFields } from './persistence/mapping/uuid-fields.js';
export type { UuidFieldsOptions } from './persistence/mapping/uuid-fields.js';
export { ZlibCompressor } from './persistence/mapping/zlib-compressor.js';
export type { ZlibCompressorOptions } from './persistence/mapping/zlib-compressor.js';
export { ObservableValue } from './util/observable.js';
export type { Observable } from './util/observable.js';
export { withRetry } from './persistence/with-retry.js';
export type { RetryOptions } from './persistence/with-retry.js';
export type { SqlDialect, SqlTypes } from './persistence/sql/sql-dialect.js';
export type { SqlRecorder } from './persistence/sql/sql-recorder.js';
