/**
 * What to test an application with, and conformance suites for those who write a recorder. Usable from any test runner:
 * what does not hold is thrown.
 *
 * @module
 *
 * @example
 * ```ts
 * test('an order that is paid is not paid again', () => {
 *   deciderSpecification(order)
 *     .given([{ type: 'OrderPaid', data: {} }])
 *     .when({ type: 'PayOrder', data: {} })
 *     .thenThrows(CommandError);
 * });
 *
 * for (const testCase of processRecorderCases) {
 *   test(testCase.name, async () => testCase.run({ recorder: await openMyRecorder() }));
 * }
 * ```
 */
export { aggregateSpecification } from './specifications/aggregate-specification.js';
export type { AggregateSpecification, GivenAggregate } from './specifications/aggregate-specification.js';
export { deciderSpecification } from './specifications/decider-specification.js';
export type { DeciderSpecification, GivenDecider } from './specifications/decider-specification.js';
export { inMemoryApplication, inMemoryOptions } from './in-memory-application.js';
export type { InMemoryApplicationOptions } from './in-memory-application.js';
export { ManualClock } from './manual-clock.js';
export { processSpecification } from './specifications/process-specification.js';
export type { ProcessReaction } from './specifications/process-specification.js';
export {
  memoryProjectionSpecification,
  sqlProjectionSpecification,
} from './specifications/projection-specification.js';
export type { GivenMemoryProjection, GivenSqlProjection } from './specifications/projection-specification.js';
export { sequentialIds } from './sequential-ids.js';
export { SpecificationError } from './specifications/specification-error.js';
export type { SpecificationOutcome, StateExpectation } from './specifications/specification-outcome.js';
export type { ErrorClass, ExpectedError } from './specifications/specified-error.js';
export type { SpecifiedEvent } from './specifications/specified-events.js';

export { aggregateRecorderCases } from './conformance/aggregate-recorder-cases.js';
export type { AggregateRecorderContext } from './conformance/aggregate-recorder-cases.js';
export { applicationCases } from './conformance/application-cases.js';
export type { ApplicationContext } from './conformance/application-context.js';
export { applicationRecorderCases } from './conformance/application-recorder-cases.js';
export type { ApplicationRecorderContext } from './conformance/application-recorder-cases.js';
export { ConformanceError, expectEqual, expectRejection, expectTrue } from './conformance/conformance.js';
export type { ConformanceCase } from './conformance/conformance.js';
export { connectionCases } from './conformance/connection-cases.js';
export type { ConnectionContext, RecorderConnection } from './conformance/connection-cases.js';
export { emptyLogCases } from './conformance/empty-log-cases.js';
export type { EmptyLogContext } from './conformance/empty-log-cases.js';
export { newOriginatorId, sampleEvent, sampleEvents } from './conformance/event-samples.js';
export { processRecorderCases } from './conformance/process-recorder-cases.js';
export type { ProcessRecorderContext } from './conformance/process-recorder-cases.js';
export { ownSqlCaseNames, transactionCases } from './conformance/transaction-cases.js';
export type { TransactionContext } from './conformance/transaction-cases.js';
export { subscriptionCases } from './conformance/subscription-cases.js';
export type { SubscriptionContext } from './conformance/subscription-cases.js';
export { unitDecisionCases } from './conformance/unit-decision-cases.js';
export { unitRetryCases } from './conformance/unit-retry-cases.js';
export { unitRecorderCases } from './conformance/unit-recorder-cases.js';
export type { UnitRecorderContext } from './conformance/unit-recorder-cases.js';
export { signalCases } from './conformance/signal-cases.js';
export type { SignalContext } from './conformance/signal-cases.js';
export { sqlRecorderCases } from './conformance/sql-recorder-cases.js';
export type { SqlRecorderContext } from './conformance/sql-recorder-cases.js';
export { checkpointCases } from './conformance/checkpoint-cases.js';
export type { CheckpointsContext } from './conformance/checkpoint-cases.js';
export { commitIdCases } from './conformance/commit-id-cases.js';
export type { CommitIdsContext } from './conformance/commit-id-cases.js';
export { eventIndexCases } from './conformance/event-index-cases.js';
export type { EventIndexContext } from './conformance/event-index-cases.js';
export { eventQueryCases } from './conformance/event-query-cases.js';
export type { EventQueryContext } from './conformance/event-query-cases.js';
export { outboxCases } from './conformance/outbox-cases.js';
export type { OutboxCaseOptions, OutboxContext } from './conformance/outbox-cases.js';
export { recordWith, sampleRecordedEvent } from './conformance/recorded-events.js';
export { migrationCases } from './conformance/migration-cases.js';
export type { MigrationContext } from './conformance/migration-cases.js';
export { snapshotStoreCases } from './conformance/snapshot-store-cases.js';
export type { SnapshotStoreContext } from './conformance/snapshot-store-cases.js';
export { processCases } from './conformance/process-cases.js';
export type { ProcessContext } from './conformance/process-cases.js';
export { projectionCases } from './conformance/projection-cases.js';
export { projectionRaceCases } from './conformance/projection-race-cases.js';
export type { ProjectionContext } from './conformance/projection-cases.js';
export { liveQueryCases } from './conformance/live-query-cases.js';
export type { LiveContext } from './conformance/live-query-cases.js';
export { stateSearchCases } from './conformance/state-search-cases.js';
export { stateStoreCases } from './conformance/state-store-cases.js';
export { stateTransferCases } from './conformance/state-transfer-cases.js';
export { eventTransferCases } from './conformance/event-transfer-cases.js';
export type { EventTransferContext } from './conformance/event-transfer-cases.js';
export type { StateStoreContext } from './conformance/state-store-cases.js';
export { storeStatsCases } from './conformance/store-stats-cases.js';
export type { StoreStatsContext } from './conformance/store-stats-cases.js';
export { keptStateCases } from './conformance/kept-state-cases.js';
export { CountingWorld } from './conformance/counting-world.js';
export type { Found, OnFound } from './conformance/counting-world.js';
export { refusedUnitCases } from './conformance/refused-unit-cases.js';
export { bootstrapCases } from './conformance/bootstrap-cases.js';
export type { BootstrapContext } from './conformance/bootstrap-cases.js';
export { unitLogCases } from './conformance/unit-log-cases.js';
export { waitingOfferCases } from './conformance/waiting-offer-cases.js';
export type { UnitLogContext } from './conformance/unit-log-cases.js';
export { sampleUnit } from './conformance/unit-samples.js';
export type { UnitSample } from './conformance/unit-samples.js';
