import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import type { AggregateBase, Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../unit.js';
import type {
  DecidedUnit,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  SyncProgress,
  Truncation,
  UnitLimits,
  UnitStanding,
} from '../unit-recorder.js';
import type { SyncChange } from './sync-change.js';

/** What a call comes to, as far as the replica is now. */
export interface PlannedChange<T> {
  readonly outcome: T;
  /** To be journalled and then applied; undefined when there is nothing to change. */
  readonly change: SyncChange | undefined;
  /** What follows on it, in one record with it. */
  readonly decision?: SyncChange | undefined;
}

/** Which of some units are here, or were. */
export interface UnitsHere {
  /** In whatever state: also what was set aside or withdrawn, what has left, and what somebody has given up. */
  readonly known: ReadonlySet<UnitId>;
  /** Own, and on no server as far as is known; or set aside. */
  readonly open: ReadonlySet<UnitId>;
}

/** The units of a replica: read, and planned with. As in `UnitRecorder`, without waiting; arguments are validated. */
export interface UnitTables {
  progress(): SyncProgress;
  selectPending(after: NotificationId, limits: UnitLimits): PendingUnit[];
  selectLost(after: number, limits: UnitLimits): LostUnit[];
  selectSetAside(after: NotificationId, limits: UnitLimits): SetAsideUnit[];
  find(keys: readonly (UnitId | NotificationId)[]): (UnitStanding | undefined)[];

  /** @throws DataError (`DATA_ERROR`) when no server has such a page */
  planPage(page: UnitPage, nowMs: number, options?: InsertPageOptions): PlannedChange<PageOutcome>;
  selectSuperseded(ids: readonly UnitId[] | undefined): Superseded;
  planDecide(decided: readonly DecidedUnit[], nowMs: number): PlannedChange<boolean>;
  planDiscard(ids: readonly UnitId[], nowMs: number): PlannedChange<readonly UnitId[]>;
  planSetAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
    nowMs: number,
  ): PlannedChange<readonly UnitId[]>;
  planRewind(cursor: Cursor, nowMs: number): PlannedChange<boolean>;
  planFollowAnew(asked: Cursor, nowMs: number): PlannedChange<boolean>;
  /** Of those that were set aside because they could not be seen, some. The outcome is whether there are more. */
  planReturn(nowMs: number): PlannedChange<boolean>;
  planEndHeal(healing: EndOfHealing, nowMs: number): PlannedChange<boolean>;
  /** @param upTo - no event with a larger local id leaves */
  planTruncate(
    truncations: readonly Truncation[],
    upTo: NotificationId,
    nowMs: number,
  ): PlannedChange<readonly OriginatorId[]>;
  base(originatorId: OriginatorId): AggregateBase | undefined;
  /** Ids of all units that are own, and on no server as far as is known; and of those that were set aside. */
  openIds(): UnitId[];
  unitsHere(ids: readonly UnitId[]): UnitsHere;
  /** What an event stands on, as `PendingUnit.after` says it. */
  placeOf(event: StoredEvent): PendingUnit['after'][number];
}
