/**
 * For who operates a store: what is in it, whether it is well, and how long its statements take.
 *
 * @module
 */
export type { DayCount, DaysBy } from './stats/day-counts.js';
export type { TypeCount } from './stats/event-counts.js';
export { storeStats } from './stats/store-stats.js';
export type {
  AggregateTypeStats,
  IndexStats,
  LargeAggregate,
  StoreSizes,
  StoreStats,
  StoreStatsOptions,
} from './stats/store-stats.js';
export { diagnose } from './doctor/diagnose.js';
export type { DiagnoseOptions } from './doctor/diagnose.js';
export { exitCodeOf } from './doctor/finding.js';
export type { Diagnosis, Finding, Level } from './doctor/finding.js';
export type { DoctorThresholds } from './doctor/thresholds.js';
export { observeDatabase } from './observing/observe-database.js';
export { observePool } from './observing/observe-pool.js';
export type { ObserveOptions, SlowQuery } from './observing/statement-observer.js';
export type { TelemetryApi } from '../server/observing/telemetry-api.js';
