/**
 * Queries whose results are kept up to date.
 *
 * @module
 */
export { LiveQueries } from './live-queries.js';
export type { LiveQueriesOptions, LiveQueryOptions, LiveRecorder } from './live-queries.js';
export type { LiveQuery, LiveState } from './live-query.js';
export type { LiveApplication, LiveReads, ReadNames } from './live-reads.js';
export type { ChangeListener, ChangeSource, StoreChanges } from '../persistence/store-changes.js';
