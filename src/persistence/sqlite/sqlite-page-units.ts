/**
 * The units of a page, by what is here of them.
 *
 * @module
 */
import { areEqualBytes } from '../../util/equal-bytes.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import type { ConfirmedUnit, UnitId } from '../unit.js';
import { editionOf } from '../unit-edition.js';
import { assertPage } from '../unit-validation.js';
import { without } from './sqlite-anew-plan.js';
import type { GrownUnit } from './sqlite-anew-plan.js';
import type { PlanningState } from './sqlite-planning-state.js';
import { FLAG_COMMUTATIVE, isConfirmed, isForeign } from './sqlite-unit-rows.js';
import type { UnitRow } from './sqlite-unit-rows.js';

/** Those that were recorded here, or are about what is here. */
export function withoutStrangers(state: PlanningState, units: readonly ConfirmedUnit[]): readonly ConfirmedUnit[] {
  const here = aggregatesThatAreHere(state, units);
  const aside = state.rows.setAsideOf(units.map(({ id }) => id));
  return units.filter(({ id, events }) => aside.has(id) || events.some(({ originatorId }) => here.has(originatorId)));
}

/**
 * What a page shows on the way anew, without what has left: the log has all that the store holds, so it is the same. A unit
 * that is here stays among them, though nothing else is shown of it: what is here of it may not be seen any more.
 */
export function withoutTruncated(state: PlanningState, units: readonly ConfirmedUnit[]): readonly ConfirmedUnit[] {
  const left = state.truncation.withoutTruncated(units);
  const here = state.rows.byIds(left.filter(({ events }) => events.length === 0).map(({ id }) => id));
  return left.filter(({ id, events }) => events.length > 0 || here.has(id));
}

/** Units of a page, by what is here of them. What is lost is as what is pending, also of others. */
export interface SortedUnits {
  /** Pending, as the page has them. */
  readonly known: ReadonlyMap<UnitId, UnitRow>;
  /** Pending, of commutative events, with other versions or in another edition. */
  readonly shifted: ReadonlyMap<UnitId, UnitRow>;
  /** Pending, in another form. */
  readonly replaced: readonly UnitRow[];
  /** Confirmed, with all that the page shows. */
  readonly again: ReadonlySet<UnitId>;
  /**
   * Those of them of which it shows a part: the server's seal is for that, and another one is here, also where the rest has
   * left with a page before.
   */
  readonly lessened: ReadonlyMap<UnitId, UnitRow>;
  /** Confirmed, or others' and lost, of which it shows more. */
  readonly grown: ReadonlyMap<UnitId, GrownUnit>;
  /** All others, and those that are replaced, or have grown. */
  readonly added: readonly ConfirmedUnit[];
  /** Aggregates of events that are here, and that the page does not show. */
  readonly hidden: Set<OriginatorId>;
}

/** Sorts the units of a page. */
export function sortOut(state: PlanningState, units: readonly ConfirmedUnit[]): SortedUnits {
  const rows = state.rows.byIds(units.map(({ id }) => id));
  const here = units.filter(({ id }) => rows.has(id));
  const events = state.eventsOf(here.map(({ id }) => rows.get(id) as UnitRow));
  const known = new Map<UnitId, UnitRow>();
  const shifted = new Map<UnitId, UnitRow>();
  const replaced: UnitRow[] = [];
  const again = new Set<UnitId>();
  const lessened = new Map<UnitId, UnitRow>();
  const grown = new Map<UnitId, GrownUnit>();
  const hidden = new Set<OriginatorId>();
  here.forEach((unit, index) => {
    const { id } = unit;
    const row = rows.get(id) as UnitRow;
    const own = events[index] as readonly StoredEvent[];
    const isEdition = editionOf(unit) === row.edition;
    const less = without(own, unit.events);
    const coming = without(unit.events, own);
    if (!isConfirmed(row)) {
      if (isEdition && isAsHere(unit, own, row)) known.set(id, row);
      else if (isEdition && isOtherPart(unit, own, row)) grown.set(id, { row, coming });
      else {
        if (isShifted(unit, row, own)) shifted.set(id, row);
        else replaced.push(row);
        return;
      }
    } else {
      const isOnceMore = state.anewAt !== undefined || state.isBootstrapping;
      const isInPlace = isOnceMore && isEdition && unit.position === row.position;
      assertPage(isInPlace, `unit ${id} stood elsewhere`);
      if (coming.length > 0) grown.set(id, { row, coming });
      else {
        again.add(id);
        if (unit.events.length < unit.total) lessened.set(id, row);
      }
    }
    for (const { originatorId } of less) hidden.add(originatorId);
  });
  const added = units.filter(({ id }) => !known.has(id) && !shifted.has(id) && !again.has(id));
  return { known, shifted, replaced, again, lessened, grown, added, hidden };
}

/** The same events, all of them, with other versions perhaps: they keep their local ids, and whoever follows sees them once. */
function isShifted(
  { isCommutative, events, total }: ConfirmedUnit,
  { flags }: UnitRow,
  own: readonly StoredEvent[],
): boolean {
  const commutes = isCommutative && (flags & FLAG_COMMUTATIVE) !== 0;
  return (
    commutes &&
    total === own.length &&
    events.length === total &&
    events.every((event, index) => isSame(event, own[index]))
  );
}

function isSame(event: StoredEvent, own: StoredEvent | undefined): boolean {
  return event.originatorId === own?.originatorId && event.topic === own.topic && areEqualBytes(event.state, own.state);
}

/**
 * Of an own unit all events are here, also where the page has only those that may be seen; of one that others have recorded,
 * and that is lost, there may be a part.
 */
function isAsHere({ events, total }: ConfirmedUnit, here: readonly StoredEvent[], row: UnitRow): boolean {
  if (isForeign(row) ? here.length < events.length : total !== here.length) return false;
  let at = 0;
  for (const event of events) {
    while (at < here.length && !isAt(here[at] as StoredEvent, event)) at++;
    const own = here[at];
    if (own?.topic !== event.topic || !areEqualBytes(own.state, event.state)) return false;
  }
  return true;
}

/** What others have recorded, and is lost, may be seen in another part by now: with what stands on it, it is what it was. */
function isOtherPart({ events, total }: ConfirmedUnit, here: readonly StoredEvent[], row: UnitRow): boolean {
  const coming = without(events, here).length;
  return isForeign(row) && coming > 0 && here.length + coming <= total;
}

function isAt(a: StoredEvent, b: StoredEvent): boolean {
  return a.originatorId === b.originatorId && a.originatorVersion === b.originatorVersion;
}

/** Those aggregates of some units of which there is an event. */
export function aggregatesThatAreHere(state: PlanningState, units: readonly ConfirmedUnit[]): Set<OriginatorId> {
  const ids = [...new Set(units.flatMap(({ events }) => events.map(({ originatorId }) => originatorId)))];
  const versions = state.maxVersions(ids);
  return new Set(ids.filter((_id, index) => (versions[index] as number) >= 0));
}
