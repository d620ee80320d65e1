/**
 * What becomes of the units of a store that was lost, decided on the tables as they are. Changes nothing.
 *
 * A unit comes back as pending, under its id, where the very edition is the last one of its aggregate that it was decided on;
 * one of commutative events after whatever is there, and then in an edition of its own. It waits where that has not come yet, and is set aside where it will not
 * come any more. Units that are here are left as they are, and those that were here stay where they are: given up, withdrawn,
 * or not to be seen. So it does not matter how often it is planned.
 *
 * @module
 */
import { placed } from '../journal/placed-unit.js';
import type { AggregateTail } from '../journal/placed-unit.js';
import type { Replica } from '../journal/replica.js';
import type { Restoring, SyncChange } from '../journal/sync-change.js';
import type { PlannedChange, UnitTables } from '../journal/unit-tables.js';
import type { OriginatorId } from '../stored-event.js';
import type { PendingUnit, UnitId } from '../unit.js';
import { editionOf } from '../unit-edition.js';
import type { SetAsideReason } from '../unit-recorder.js';

/** A unit of a store that was lost. */
export interface UnitToRestore extends PendingUnit {
  /** Why it was set aside, if it was. */
  readonly reason?: SetAsideReason | undefined;
}

/** What it is planned on. */
export interface RestoringState {
  readonly replica: Replica;
  readonly units: UnitTables;
  readonly nowMs: number;
}

const NOT_THERE: SetAsideReason = {
  code: 'CONFLICT',
  message: 'The store was lost, and what this stood on is not there any more, or another event stands in its place.',
};

/**
 * Plans it.
 *
 * @param isAtHead - whether nothing is to come that they could stand on: what does not fit is set aside
 * @returns those that are here then, in whatever state, or were
 */
export function planRestore(
  state: RestoringState,
  units: readonly UnitToRestore[],
  isAtHead: boolean,
): PlannedChange<ReadonlySet<UnitId>> {
  const here = new Set<UnitId>(state.units.unitsHere(units.map(({ id }) => id)).known);
  const tails = tailsOf(state, units);
  const restoring: Restoring[] = [];
  // What stands on another one comes after it: they are in the order in which they were recorded.
  for (const unit of units) {
    if (here.has(unit.id)) continue;
    const fitting = unit.reason === undefined ? placed(unit, tails) : undefined;
    if (fitting === undefined && !isAtHead) continue;
    const reason = fitting === undefined ? (unit.reason ?? NOT_THERE) : undefined;
    restoring.push({ ...(fitting ?? unit), reason });
    here.add(unit.id);
    for (const { originatorId, originatorVersion } of fitting?.events ?? []) {
      tails.set(originatorId, { version: originatorVersion, edition: editionOf(fitting ?? unit) });
    }
  }
  const change: SyncChange = {
    atMs: state.nowMs,
    setAside: [],
    step: { kind: 'restore', firstNotificationId: state.replica.maxNotificationId() + 1, units: restoring },
  };
  return { outcome: here, change: restoring.length === 0 ? undefined : change };
}

function tailsOf(state: RestoringState, units: readonly UnitToRestore[]): Map<OriginatorId, AggregateTail> {
  const ids = new Set(units.flatMap(({ events }) => events.map(({ originatorId }) => originatorId)));
  const tails = new Map<OriginatorId, AggregateTail>();
  state.replica.expect?.(ids);
  for (const originatorId of ids) {
    const version = state.replica.maxOriginatorVersion(originatorId);
    // What would come next stands on what is last.
    const next = { originatorId, originatorVersion: version + 1, topic: '', state: new Uint8Array(0) };
    if (version >= 0) tails.set(originatorId, { version, edition: state.units.placeOf(next) });
  }
  return tails;
}
