/**
 * Conformance suites for those who write a recorder, usable from any test runner.
 *
 * @module
 *
 * @example
 * ```ts
 * for (const testCase of processRecorderCases) {
 *   test(testCase.name, async () => testCase.run({ recorder: await openMyRecorder() }));
 * }
 * ```
 */
export { aggregateRecorderCases } from './aggregate-recorder-cases.js';
export type { AggregateRecorderContext } from './aggregate-recorder-cases.js';
export { applicationRecorderCases } from './application-recorder-cases.js';
export type { ApplicationRecorderContext } from './application-recorder-cases.js';
export { ConformanceError, expectEqual, expectRejection, expectTrue } from './conformance.js';
export type { ConformanceCase } from './conformance.js';
export { connectionCases } from './connection-cases.js';
export type { ConnectionContext, RecorderConnection } from './connection-cases.js';
export { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
export { processRecorderCases } from './process-recorder-cases.js';
export type { ProcessRecorderContext } from './process-recorder-cases.js';
export { ownSqlCaseNames, transactionCases } from './transaction-cases.js';
export type { TransactionContext } from './transaction-cases.js';
