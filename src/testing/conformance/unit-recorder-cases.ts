/**
 * What every recorder promises whose events belong to units.
 *
 * @module
 */
import { asideUnitCases } from './aside-unit-cases.js';
import type { ConformanceCase } from './conformance.js';
import { logPageCases } from './log-page-cases.js';
import { movedUnitCases } from './moved-unit-cases.js';
import { offeredUnitCases } from './offered-unit-cases.js';
import { pastCases } from './past-cases.js';
import { scopeCases } from './scope-cases.js';
import { truncationCases } from './truncation-cases.js';
import { unitCommitCases } from './unit-commit-cases.js';
import type { UnitRecorderContext } from './unit-recorder-context.js';

export type { UnitRecorderContext } from './unit-recorder-context.js';

/** The promises of a `UnitRecorder`, to be run on every one. */
export const unitRecorderCases: readonly ConformanceCase<UnitRecorderContext>[] = [
  ...unitCommitCases,
  ...logPageCases,
  ...asideUnitCases,
  ...movedUnitCases,
  ...pastCases,
  ...scopeCases,
  ...truncationCases,
  ...offeredUnitCases,
];
