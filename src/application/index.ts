/**
 * What an application is written with: deciders and aggregates, and what runs them on any store.
 *
 * @module
 */
export { Aggregate, emptyAggregate } from '../domain/aggregate.js';
export { StatefulAggregate, statefulAggregate } from '../domain/stateful-aggregate.js';
export type { StatefulAggregateBase, StatefulAggregateStatics } from '../domain/stateful-aggregate.js';
export type { AggregateBase, DataArgument, EventHandler, EventHandlers, EventTypeOf } from '../domain/aggregate.js';
export type { AggregateClass, AggregateEventOf, AggregateRoot } from '../domain/aggregate-class.js';
export { defineDecider } from '../domain/decider.js';
export type {
  CommandOf,
  DecideHandlers,
  Decider,
  DeciderDefinition,
  DefinedDecider,
  EventOf,
  EvolveHandlers,
  StateOf,
} from '../domain/decider.js';
export { CommandError, DomainError, EventHandlerError, ValidationError } from '../domain/domain-errors.js';
export type { ValidationErrorDetails, ValidationErrorOptions, ValidationIssue } from '../domain/domain-errors.js';
export { event } from '../domain/event-decorator.js';
export type { EventArguments, EventDataOf, EventMethodDecorator, NoArgumentFits } from '../domain/event-decorator.js';
export type {
  CommandMetadata,
  EventMetadata,
  EventPosition,
  JsonValue,
  MetadataAttributes,
  RecordedEvent,
} from '../domain/event-metadata.js';
export { command } from '../domain/message-types.js';
export type {
  DataOf,
  CommandOptions,
  EventOptions,
  Message,
  MessageDefinition,
  MessageDefinitions,
  MessageOf,
  NoData,
} from '../domain/message-types.js';
export type {
  AnyPersonalField,
  AnyPersonalFields,
  PersonalElements,
  PersonalField,
  PersonalFields,
} from '../domain/personal-data.js';
export type { SchemaOutput, StandardIssue, StandardResult, StandardSchema } from '../domain/standard-schema.js';
export {
  AggregateNotFoundError,
  APPLICATION_ERRORS,
  ApplicationError,
  ApplicationTooOldError,
  CommandUnknownError,
  ConcurrencyError,
  ResolverTimeoutError,
} from './aggregates/application-errors.js';
export type {
  ApplicationTooOldDetails,
  ConcurrencyErrorDetails,
  ConcurrencyErrorOptions,
} from './aggregates/application-errors.js';
export { Application } from './application.js';
export type { ApplicationTransaction, Tried } from './application.js';
export type { ReadEventsOptions, SelectionOptions, SubscribeOptions } from './selection.js';
export type { TransactionOptions } from './application-transaction.js';
export type { ApplicationOptions } from './application-options.js';
export type { AggregateCacheOptions } from './aggregates/aggregate-cache.js';
export type { AggregateDefinition, AnyDecider } from './aggregates/aggregate-kind.js';
export type { Executed, ExecutedBy, ExecuteOptions, Execution } from './commands/command-executor.js';
export type { RetryPolicy } from './commands/decide-again.js';
export type {
  AggregateAt,
  ConflictedAggregate,
  Resolution,
  ResolveConflict,
  ResolvedEvent,
  UnitConflict,
} from './commands/conflict-resolver.js';
export type { KeptCommand } from './commands/kept-commands.js';
export type { SetAsideEntry, SetAsideEvent } from './commands/set-aside-entry.js';
export type { ListSetAsideOptions, SetAsidePage, SetAsideUnits } from './commands/set-aside-units.js';
export type { RebasedOutcome, RebasedUnit } from './commands/rebased-unit.js';
export type { Redecision, SetAsideEdit } from './commands/superseded-decider.js';
export { EventEnvelopeMapper, positionEventId, RESERVED_KEYS } from './events/envelope-mapper.js';
export type { EventEnvelopeMapperOptions } from './events/envelope-mapper.js';
export { decodeEnvelope, encodeEnvelope } from './outbox/event-envelope.js';
export { publishAll } from './outbox/publish-all.js';
export type { PublishAllOptions } from './outbox/publish-all.js';
export type { DecodeEnvelopeOptions, EnvelopeOptions } from './outbox/event-envelope.js';
export { EventRegistry } from './events/event-registry.js';
export type { EventSource, RegisteredEvent, TopicSelection } from './events/event-registry.js';
export type { SaveOptions } from './commands/event-saver.js';
export type { EventSubscription, NotificationFeed } from './log/event-subscription.js';
export type { ExpectedVersion } from './aggregates/expected-version.js';
export type { InlineParticipant } from './events/inline-participant.js';
export type { SqlStatement } from '../persistence/sql/batch-recorder.js';
export { JSONNotificationLogView, RemoteNotificationLog } from './log/json-notification-log.js';
export type { JSONNotificationLog, RemoteNotificationLogOptions } from './log/json-notification-log.js';
export { NotificationLog, NotificationLogReader, SECTION_SIZE_DEFAULT } from './log/notification-log.js';
export type {
  NotificationLogOptions,
  ReadLogOptions,
  Section,
  SectionedLog,
  SelectLogOptions,
} from './log/notification-log.js';
export type { NewerEvent, NewerVersion } from './events/newer-event.js';
export { NewerEventsWatch } from './log/newer-events.js';
export type { NewerEvents, NewerEventsStatus, NewerEventsWatchOptions, ReleasedLog } from './log/newer-events.js';
export type { NotifiedEvent } from './events/notified-event.js';
export type { DataSealer, EventSeal, SealedPlace } from './events/data-sealer.js';
export { followForgetting, forgetSubject, subjectForgetting } from './personal/forgetting.js';
export type {
  FollowForgettingOptions,
  ForgettingFeed,
  ForgettingRecorder,
  KeysDestroyed,
  FollowedKeys,
} from './personal/forgetting.js';
export { personalSeal } from './personal/event-seal.js';
export type { PersonalSealOptions } from './personal/event-seal.js';
export { answerKeys } from './personal/key-exchange.js';
export type { KeysAnswer, KeysRequest, MayHaveKey, TravellingKey } from './personal/key-exchange.js';
export { RemoteSubjectKeys } from './personal/remote-subject-keys.js';
export type { RemoteSubjectKeysOptions } from './personal/remote-subject-keys.js';
export { MemorySubjectKeys } from './personal/memory-subject-keys.js';
export { SqlSubjectKeys } from './personal/sql-subject-keys.js';
export type { ForeignKey, SqlSubjectKeysOptions } from './personal/sql-subject-keys.js';
export { SubjectForgottenError, SubjectKeyMissingError } from './personal/subject-keys.js';
export type { FoundKey, SubjectKey, SubjectKeys } from './personal/subject-keys.js';
export { Repository } from './aggregates/repository.js';
export type { EventsOf, Loaded, LoadedAs, LoadOptions, RepositoryOptions } from './aggregates/repository.js';
export { crossesInterval, SNAPSHOT_INTERVAL_DEFAULT } from './aggregates/snapshots.js';
export type { SkippedHistory, TruncatedHistory, TruncateHistoryOptions } from './aggregates/history-truncation.js';
export type { HistoryFollower } from '../persistence/sql/log-followers.js';
export type { OlderEvents } from './aggregates/older-events.js';
export type { SnapshotFailure, SnapshotOptions } from './aggregates/snapshots.js';
export type { SnapshotStore, StoredSnapshot } from '../persistence/snapshot-store.js';
export { SqlSnapshotStore } from '../persistence/sql/sql-snapshot-store.js';
export type { SqlSnapshotStoreOptions } from '../persistence/sql/sql-snapshot-store.js';
export { DuplicateEventError } from '../persistence/duplicate-event-error.js';
export type {
  CaughtUp,
  EventIndex,
  EventIndexFilter,
  EventQuery,
  IndexedEvent,
  IndexedLog,
  TextOf,
} from './event-index/event-index.js';
export { MemoryEventIndex } from './event-index/memory-event-index.js';
export type { MemoryEventIndexOptions } from './event-index/memory-event-index.js';
export { SqlEventIndex } from './event-index/sql-event-index.js';
export type { SqlEventIndexOptions } from './event-index/sql-event-index.js';
export type {
  CheckpointConnection,
  Checkpoints,
  ReachedPosition,
  SaveCheckpointOptions,
  SubscriptionCheckpoint,
} from '../persistence/checkpoints.js';
export { MemoryCheckpoints } from '../persistence/memory/memory-checkpoints.js';
export type { MemoryCheckpointsOptions } from '../persistence/memory/memory-checkpoints.js';
export { SqlCheckpoints } from '../persistence/sql/sql-checkpoints.js';
export type { SqlCheckpointsOptions } from '../persistence/sql/sql-checkpoints.js';
export type { ServerRecord, ServerRecords } from '../persistence/server-records.js';
export { SqlCommitIds } from '../persistence/sql/sql-commit-ids.js';
export type { CommitResult, SqlCommitIdsOptions } from '../persistence/sql/sql-commit-ids.js';
export { DESTINATION_DEFAULT, envelopeMessages } from './outbox/message-format.js';
export type { MessageFormat, MessageFormatOptions } from './outbox/message-format.js';
export type { OutboundEnvelope } from './outbox/outbound-envelope.js';
export type {
  ClaimRequest,
  Outbox,
  OutboxCounts,
  OutboxEntry,
  OutboxOutcome,
  OutboxPage,
  OutboxStatus,
} from './outbox/outbox.js';
export type { OutboxBatchResult, Unavailability } from './outbox/outbox-batch.js';
export type { OutboxEventDataOptions } from './outbox/outbox-event-data.js';
export { OutboxWorker } from './outbox/outbox-worker.js';
export type { OutboxWorkerOptions, OutboxWorkerStatus } from './outbox/outbox-worker.js';
export { MemoryOutbox } from './outbox/memory-outbox.js';
export type { MemoryOutboxOptions } from './outbox/memory-outbox.js';
export { SqlOutbox } from './outbox/sql-outbox.js';
export { TransactionalOutbox } from './outbox/transactional-outbox.js';
export type { SqlOutboxOptions } from './outbox/sql-outbox.js';
export { PUBLISH_ERRORS, PublishError, PublisherUnavailableError } from './outbox/publish-errors.js';
export type { PublishErrorDetails } from './outbox/publish-errors.js';
export type { OutboundMessage, Publish, Publisher, PublishOptions } from './outbox/publisher.js';
export { cached, invalidateFrom, invalidation } from './cached.js';
export type { CachedFunction, CachedOptions, Invalidated, InvalidateFromOptions } from './cached.js';
export { cachedIn } from './shared-cache.js';
export type { CacheBackend, SharedCachedFunction, SharedCacheOptions } from './shared-cache.js';
export type { EventLog } from './log/event-log.js';
export { FollowerStoppedError, HandlerTimeoutError, WaitTimeoutError } from './log/follower-errors.js';
export { InlineProjection } from './projections/inline-projection.js';
export type { InlineProjectionOptions } from './projections/inline-projection.js';
export type { Following } from './projections/view-tail.js';
export type { FollowerStatus, WaitOptions } from './log/log-follower.js';
export { MemoryProjectionStore } from './projections/memory-projection-store.js';
export { defineProcess, send } from './processes/process.js';
export type {
  Policies,
  Policy,
  PolicyContext,
  Process,
  ProcessCommand,
  ProcessDefinition,
} from './processes/process.js';
export { ProcessRunner } from './processes/process-runner.js';
export type { ProcessRunnerOptions, ProcessSource, ProcessTarget } from './processes/process-runner.js';
export { memoryProjection, sqlProjection } from './projections/projection.js';
export type { EventOrigin, EventsOfOrigin } from './events/event-origin.js';
export type {
  MemoryHandlers,
  MemoryProjection,
  MemoryProjectionDefinition,
  MemoryView,
  Projection,
  ProjectionHandler,
  ProjectionHandlers,
  SqlProjection,
  SqlProjectionDefinition,
  SqlView,
} from './projections/projection.js';
export type { FailurePolicy } from './projections/projection-applier.js';
export type { DeadLetters } from './projections/projection-dead-letters.js';
export { ProjectionRunner } from './projections/projection-runner.js';
export type { ProjectionRunnerOptions, ProjectionStatus } from './projections/projection-runner.js';
export { projectionHash, tablesHash } from './projections/projection-hash.js';
export type { ProjectionHash, TablesHash } from './projections/projection-hash.js';
export { ProjectionReplacedError, ViewUnsettledError } from './projections/projection-replaced-error.js';
export type { ReplacedDefinition } from './projections/projection-replaced-error.js';
export type {
  BeginOptions,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterStatus,
  ProjectionStore,
  ProjectionTransaction,
  ViewCheckpoint,
  ViewGeneration,
} from './projections/projection-store.js';
export { SqlProjectionStore } from './projections/sql-projection-store.js';
export { System } from './processes/system.js';
export type { SystemOptions, Wire } from './processes/system.js';
export type { Observable } from '../util/observable.js';
