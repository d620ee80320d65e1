/**
 * What becomes of the units of a store that was lost, decided on the tables as they are. Changes nothing.
 *
 * A unit comes back as pending, under its id, where the very edition is the last one of its aggregate that it was decided on;
 * one of commutative events after whatever is there, and then in an edition of its own. It waits where that has not come yet, and is set aside where it will not
 * come any more. Units that are here are left as they are, so that it does not matter how often it is planned.
 *
 * @module
 */
import type { Replica } from '../journal/replica.js';
import type { Restoring, SyncChange } from '../journal/sync-change.js';
import type { PlannedChange, UnitTables } from '../journal/unit-tables.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import type { EditionId, PendingUnit, UnitId } from '../unit.js';
import { derivedEdition, editionOf } from '../unit-edition.js';
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

/** The last version of an aggregate, and its edition. */
interface Tail {
  readonly version: number;
  readonly edition: EditionId | undefined;
}

const NOT_THERE: SetAsideReason = {
  code: 'CONFLICT',
  message: 'The store was lost, and what this stood on is not there any more, or another event stands in its place.',
};

/**
 * Plans it.
 *
 * @param isAtHead - whether nothing is to come that they could stand on: what does not fit is set aside
 * @returns those that are here then, in whatever state
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

/** @returns the unit with the versions that it has here; undefined when it does not stand on what is here */
function placed(unit: UnitToRestore, tails: ReadonlyMap<OriginatorId, Tail>): PendingUnit | undefined {
  const next = new Map<OriginatorId, number>();
  const places: (EditionId | undefined)[] = [];
  const events: StoredEvent[] = [];
  for (const event of unit.events) {
    const { originatorId, originatorVersion } = event;
    const tail = tails.get(originatorId);
    if (!next.has(originatorId)) {
      const after = unit.after[places.length];
      places.push(tail?.edition);
      const isNew = tail === undefined;
      const fits = unit.isCommutative
        ? after === undefined || !isNew
        : after === tail?.edition && originatorVersion > (tail?.version ?? -Infinity);
      if (!fits) return undefined;
      next.set(originatorId, unit.isCommutative && !isNew ? tail.version + 1 : originatorVersion);
    }
    const version = unit.isCommutative ? (next.get(originatorId) as number) : originatorVersion;
    next.set(originatorId, version + 1);
    events.push(version === originatorVersion ? event : { ...event, originatorVersion: version });
  }
  // On something else it is in another edition, also at the same versions: what was decided on it does not follow on that.
  const isElsewhere = unit.isCommutative && places.some((edition, index) => edition !== unit.after[index]);
  const isMoved = isElsewhere || events.some((event, index) => event !== unit.events[index]);
  if (!isMoved) return unit;
  return { ...unit, events, after: places, edition: derivedEdition({ id: unit.id, events, after: places }) };
}

function tailsOf(state: RestoringState, units: readonly UnitToRestore[]): Map<OriginatorId, Tail> {
  const ids = new Set(units.flatMap(({ events }) => events.map(({ originatorId }) => originatorId)));
  const tails = new Map<OriginatorId, Tail>();
  state.replica.expect?.(ids);
  for (const originatorId of ids) {
    const version = state.replica.maxOriginatorVersion(originatorId);
    // What would come next stands on what is last.
    const next = { originatorId, originatorVersion: version + 1, topic: '', state: new Uint8Array(0) };
    if (version >= 0) tails.set(originatorId, { version, edition: state.units.placeOf(next) });
  }
  return tails;
}
