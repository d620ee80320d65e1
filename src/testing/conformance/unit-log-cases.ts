/**
 * What a server’s log of units promises, in every layout of its tables.
 *
 * @module
 */
import type { ConformanceCase } from './conformance.js';
import { unitEditionCases } from './unit-log-edition-cases.js';
import { unitLossCases } from './unit-log-loss-cases.js';
import { unitPageCases } from './unit-log-page-cases.js';
import { unitPushCases } from './unit-log-push-cases.js';
import type { UnitLogContext } from './unit-log-context.js';

export type { UnitLogContext } from './unit-log-context.js';

/** Cases for a log of units. */
export const unitLogCases: readonly ConformanceCase<UnitLogContext>[] = [
  ...unitPushCases,
  ...unitEditionCases,
  ...unitPageCases,
  ...unitLossCases,
];
