/**
 * Which units leave their places, and what becomes of them: decided on the tables as they are. Changes nothing.
 *
 * @module
 */
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { Moving, SyncChange } from '../journal/sync-change.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import type { ConfirmedUnit, UnitId } from '../unit.js';
import type { SetAsideReason } from '../unit-recorder.js';
import { assertPage } from '../unit-validation.js';
import { commutes, MovePlan } from './sqlite-move-plan.js';
import type { GrownUnit } from './sqlite-anew-plan.js';
import { aggregatesThatAreHere } from './sqlite-page-units.js';
import type { PlanningState } from './sqlite-planning-state.js';
import type { PlacedVersion, UnitRow } from './sqlite-unit-rows.js';

// Their events are read at once: a query for each takes most of the time, and all of them may be much.
const UNITS_MOVED_TOGETHER = 64;

/** A unit that leaves. */
export interface Left {
  readonly unit: UnitRow;
  readonly reason: SetAsideReason;
}

/** By their place. */
export type Leaving = Map<NotificationId, Left>;

const CONFLICT: SetAsideReason = { code: 'CONFLICT', message: 'Another event stands in its place.' };
const DEPENDENCY: SetAsideReason = { code: 'DEPENDENCY', message: 'It follows on a unit that is not there any more.' };

/** Units of some aggregates that are pending or lost. */
export function openOf({ rows }: PlanningState, originatorIds: Iterable<OriginatorId>): UnitRow[] {
  return [...originatorIds].flatMap((originatorId) =>
    rows.openAfter(uuidToBytes(originatorId), Number.MIN_SAFE_INTEGER, 'all'),
  );
}

/**
 * What is pending or lost in the places of added events.
 *
 * @throws DataError (`DATA_ERROR`) when an event does not follow on the one before it
 */
export function inTheWay(
  state: PlanningState,
  units: readonly ConfirmedUnit[],
  {
    known,
    grown,
    inPage,
    bases,
  }: {
    readonly known: ReadonlyMap<UnitId, UnitRow>;
    readonly grown: ReadonlyMap<UnitId, GrownUnit>;
    readonly inPage: ReadonlySet<NotificationId>;
    /** The versions that something stands for which comes with them. */
    readonly bases: ReadonlyMap<OriginatorId, number>;
  },
): Leaving {
  const leaving: Leaving = new Map();
  const last = new Map<OriginatorId, number>();
  const unseen = aggregatesThatAreHere(state, units);
  for (const { id, events } of units) {
    const more = grown.get(id)?.coming;
    for (const event of events) {
      const { originatorId, originatorVersion } = event;
      const isHere = known.has(id) || more?.includes(event) === false;
      // At the first event that is not here, of an aggregate that is: in a first synchronisation every look counts.
      if (!isHere && unseen.delete(originatorId)) {
        const { pending, confirmed } = state.rows.tail(originatorId);
        const others = pending.filter(({ unit }) => !inPage.has(unit.place));
        for (const { unit } of others) leaving.set(unit.place, { unit, reason: CONFLICT });
        const base = bases.get(originatorId) ?? Number.MIN_SAFE_INTEGER;
        const isBelow = ({ originatorVersion: at }: PlacedVersion): boolean => at < originatorVersion && at > base;
        const below = others.find(isBelow)?.originatorVersion;
        assertPage(below === undefined, `version ${below} of ${originatorId} is missing in it`);
        if (confirmed !== undefined && !last.has(originatorId)) last.set(originatorId, confirmed);
      }
      const before = last.get(originatorId) ?? originatorVersion - 1;
      // What is here has been recorded with gaps, perhaps; but two events cannot have one place.
      const isNext = isHere ? originatorVersion > before : originatorVersion === before + 1;
      assertPage(isNext, `version ${originatorVersion} of ${originatorId} follows on version ${before}`);
      last.set(originatorId, originatorVersion);
    }
  }
  return leaving;
}

/**
 * Adds every later unit of an aggregate that something touches which leaves.
 *
 * @param elsewhere - what else leaves its place
 * @param which - whether what is lost of others goes as well
 */
export function close(
  state: PlanningState,
  leaving: Leaving,
  elsewhere: readonly UnitRow[],
  inPage: ReadonlySet<NotificationId>,
  which: 'own' | 'all' = 'own',
): void {
  const touched = new Map<string, number>();
  const toLookAt = [...[...leaving.values()].map(({ unit }) => unit), ...elsewhere];
  for (let unit = toLookAt.pop(); unit !== undefined; unit = toLookAt.pop()) {
    for (const [originatorId, version] of state.rows.aggregatesOf(unit)) {
      const key = bytesToUuid(originatorId);
      if ((touched.get(key) ?? Infinity) <= version) continue;
      touched.set(key, version);
      for (const later of state.rows.openAfter(originatorId, version, which)) {
        if (inPage.has(later.place) || leaving.has(later.place)) continue;
        leaving.set(later.place, { unit: later, reason: DEPENDENCY });
        toLookAt.push(later);
      }
    }
  }
}

/**
 * What leaves is moved or set aside, in the order in which it was recorded.
 *
 * @param hasLeft - what leaves its place beside it
 * @param coming - what comes in its stead
 * @param final - units that are set aside in any case, by their place
 */
export function settle(
  state: PlanningState,
  leaving: Leaving,
  hasLeft: (unit: UnitRow) => boolean,
  coming: readonly ConfirmedUnit[] = [],
  final: ReadonlySet<NotificationId> = new Set(),
): { readonly moved: readonly Moving[]; readonly setAside: readonly Left[] } {
  const plan = new MovePlan(state.rows, (unit) => leaving.has(unit.place) || hasLeft(unit), coming);
  const inOrder = [...leaving.values()].sort((a, b) => a.unit.place - b.unit.place);
  const setAside: Left[] = [];
  for (let at = 0; at < inOrder.length; at += UNITS_MOVED_TOGETHER) {
    const some = inOrder.slice(at, at + UNITS_MOVED_TOGETHER);
    const movable = some.filter(({ unit }) => !final.has(unit.place) && commutes(unit)).map(({ unit }) => unit);
    const events = state.eventsOf(movable);
    const moved = new Set(movable.filter((unit, index) => plan.move(unit, events[index] as readonly StoredEvent[])));
    for (const left of some) if (!moved.has(left.unit)) setAside.push(left);
  }
  return { moved: plan.moved, setAside };
}

export function changeOf(setAside: readonly Left[], moved: readonly Moving[]): Pick<SyncChange, 'setAside' | 'moved'> {
  return {
    setAside: setAside.map(({ unit, reason }) => ({ place: unit.place, reason })),
    ...(moved.length === 0 ? {} : { moved }),
  };
}

export function idsOf(setAside: readonly Left[]): UnitId[] {
  return setAside.map(({ unit }) => unit.id);
}
