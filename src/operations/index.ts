/**
 * For who operates a store: what is in it.
 *
 * @module
 */
export type { DayCount } from './day-counts.js';
export type { TypeCount } from './event-counts.js';
export { storeStats } from './store-stats.js';
export type {
  AggregateTypeStats,
  IndexStats,
  LargeAggregate,
  StoreSizes,
  StoreStats,
  StoreStatsOptions,
} from './store-stats.js';
