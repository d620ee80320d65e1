import type { NotificationId } from '../stored-event.js';
import type { Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../unit.js';
import type {
  EndOfHealing,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  SyncProgress,
  UnitLimits,
  UnitStanding,
} from '../unit-recorder.js';
import type { SyncChange } from './sync-change.js';

/** What a call comes to, as far as the replica is now. */
export interface PlannedChange<T> {
  readonly outcome: T;
  /** To be journalled and then applied; undefined when there is nothing to change. */
  readonly change: SyncChange | undefined;
}

/** The units of a replica: read, and planned with. As in `UnitRecorder`, without waiting; arguments are validated. */
export interface UnitTables {
  progress(): SyncProgress;
  selectPending(after: NotificationId, limits: UnitLimits): PendingUnit[];
  selectLost(after: number, limits: UnitLimits): LostUnit[];
  selectSetAside(after: NotificationId, limits: UnitLimits): SetAsideUnit[];
  find(keys: readonly (UnitId | NotificationId)[]): (UnitStanding | undefined)[];

  /** @throws DataError (`DATA_ERROR`) when no server has such a page */
  planPage(page: UnitPage, nowMs: number, ownOnly?: boolean): PlannedChange<PageOutcome>;
  planSetAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
    nowMs: number,
  ): PlannedChange<readonly UnitId[]>;
  planRewind(cursor: Cursor, nowMs: number): PlannedChange<boolean>;
  planEndHeal(healing: EndOfHealing, nowMs: number): PlannedChange<boolean>;
}
