import { ProgrammingError } from '../persistence/errors.js';
import type { BacklogState } from '../persistence/unit-recorder.js';
import { validateCount } from '../persistence/validation.js';
import type { BacklogLimits } from './protocol/store-host.js';

// Two months without a network, at eight hundred commits a day.
const WARN_UNITS_DEFAULT = 50_000;
const WARN_PART_OF_MAX = 0.8;

/** Whether so many pending units are many. */
export type BacklogOf = (pendingUnits: number) => BacklogState;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a limit is no count of units, or the warning comes after the end */
export function backlogOf({ warnUnits, maxUnits }: BacklogLimits = {}): BacklogOf {
  if (maxUnits !== undefined) validateCount('backlog.maxUnits', maxUnits);
  const end = maxUnits ?? Infinity;
  const warnsAt = warnUnits ?? Math.min(WARN_UNITS_DEFAULT, Math.ceil(end * WARN_PART_OF_MAX));
  validateCount('backlog.warnUnits', warnsAt);
  if (warnsAt > end) throw new ProgrammingError('backlog.warnUnits must not be above backlog.maxUnits.');
  return (pendingUnits) => (pendingUnits >= end ? 'full' : pendingUnits >= warnsAt ? 'high' : 'normal');
}
