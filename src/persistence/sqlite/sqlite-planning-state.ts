/**
 * What the changes of a store are planned on.
 *
 * @module
 */
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { START } from './sqlite-marks.js';
import type { Mark } from './sqlite-marks.js';
import type { SqliteTruncation } from './sqlite-truncation.js';
import type { SqliteUnitRows, UnitRow } from './sqlite-unit-rows.js';

/** What is planned on. */
export interface PlanningState {
  readonly rows: SqliteUnitRows;
  readonly truncation: SqliteTruncation;
  /** Newest first. */
  readonly marks: readonly Mark[];
  /** While the log is followed anew: the position of the mark, or 0, where that has come to. */
  readonly anewAt: number | undefined;
  readonly isHealing: boolean;
  /** Whether some parts of a bootstrap are here, and not the last. */
  readonly isBootstrapping: boolean;
  readonly rewinds: number;
  readonly maxNotificationId: NotificationId;
  /** The largest version of each aggregate, or -1. */
  maxVersions(originatorIds: readonly OriginatorId[]): readonly number[];
  /** The events of units, in the order of the units. */
  eventsOf(units: readonly UnitRow[]): readonly (readonly StoredEvent[])[];
}

/** Where a store stands: at its newest mark, or where it has come to on its way anew. */
export function standing({ marks, anewAt }: Pick<PlanningState, 'marks' | 'anewAt'>): Mark {
  const mark = anewAt === undefined ? marks[0] : marks.find(({ position }) => position === anewAt);
  return mark ?? START;
}

/** Whether no page has confirmed a unit. */
export function isPending({ position }: UnitRow): boolean {
  return position === undefined;
}
