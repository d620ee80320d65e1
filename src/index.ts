/**
 * Daybook: records domain events durably in the browser, offline.
 *
 * @module
 */
export { openDaybook, StoreClosedError, WorkerDiedError, WorkerFailedError } from './client/index.js';
export type { Daybook, OpenDaybookOptions } from './client/index.js';
export type { DomainEvent } from './domain/domain-event.js';
export { EventSourcingError, isEventSourcingError } from './domain/errors.js';
export type { ErrorDetails, EventSourcingErrorClass, EventSourcingErrorOptions } from './domain/errors.js';
export {
  CorruptJournalError,
  DatabaseError,
  DataError,
  IntegrityError,
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
  TopicError,
} from './persistence/errors.js';
export type { IntegrityErrorDetails } from './persistence/errors.js';
export { EventStore } from './persistence/event-store.js';
export type { EventStoreOptions } from './persistence/event-store.js';
export { JSONTranscoder } from './persistence/json-transcoder.js';
export { Mapper } from './persistence/mapper.js';
export type { MapperOptions } from './persistence/mapper.js';
export { MemoryProcessRecorder } from './persistence/memory/memory-recorder.js';
export type {
  AggregateRecorder,
  ApplicationRecorder,
  InsertEventsOptions,
  ProcessRecorder,
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
export type { Transcoder } from './persistence/transcoder.js';
