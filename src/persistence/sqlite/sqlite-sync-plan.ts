/**
 * What a call of a `UnitRecorder` changes, decided on the tables as they are. Changes nothing.
 *
 * A page is taken in four steps. Each of its units is *known* as it is here, and is confirmed; or, where it commutes and the
 * server has given it other versions, *shifted* to these; or it is *added*, in the place of what is known of it in another
 * form. What is pending where an added event belongs is *in the way*, and leaves. With what leaves goes every later pending
 * unit of an aggregate that it touches (*closure*), but for those that the page has: once for the page, and not for each of
 * its units. And of all that leaves, what commutes is moved behind what is there then (`sqlite-move-plan.ts`), and the rest
 * is set aside. What a page says of what is confirmed here is in `sqlite-anew-plan.ts`.
 *
 * @module
 */
import { areEqualBytes } from '../../util/equal-bytes.js';
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import { droppedMarks } from '../journal/kept-marks.js';
import type { Confirming, Moving, SyncChange } from '../journal/sync-change.js';
import type { PlannedChange } from '../journal/unit-tables.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { CURSOR_START } from '../unit.js';
import type { ConfirmedUnit, Cursor, UnitId, UnitPage } from '../unit.js';
import type { EndOfHealing, PageOutcome, SetAsideReason } from '../unit-recorder.js';
import { editionOf } from '../unit-edition.js';
import { assertPage } from '../unit-validation.js';
import { UNSEEN, without } from './sqlite-anew-plan.js';
import type { GrownUnit } from './sqlite-anew-plan.js';
import { commutes, MovePlan, movedAs } from './sqlite-move-plan.js';
import { FLAG_COMMUTATIVE, FLAG_FOREIGN, FLAG_LOST } from './sqlite-unit-rows.js';
import type { SqliteUnitRows, UnitRow } from './sqlite-unit-rows.js';

/** A place where the store stood. */
export interface Mark {
  readonly position: number;
  readonly cursor: Cursor;
}

/** What is planned on. */
export interface PlanningState {
  readonly rows: SqliteUnitRows;
  /** Newest first. */
  readonly marks: readonly Mark[];
  /** While the log is followed anew: the position of the mark, or 0, where that has come to. */
  readonly anewAt: number | undefined;
  readonly isHealing: boolean;
  readonly rewinds: number;
  readonly maxNotificationId: NotificationId;
  /** The largest version of each aggregate, or -1. */
  maxVersions(originatorIds: readonly OriginatorId[]): readonly number[];
  /** The events of units, in the order of the units. */
  eventsOf(units: readonly UnitRow[]): readonly (readonly StoredEvent[])[];
}

// Their events are read at once: a query for each takes most of the time, and all of them may be much.
const UNITS_MOVED_TOGETHER = 64;

/** A unit that leaves. */
interface Left {
  readonly unit: UnitRow;
  readonly reason: SetAsideReason;
}

/** By their place. */
type Leaving = Map<NotificationId, Left>;

const START: Mark = { cursor: CURSOR_START, position: 0 };
const NOT_STORED: PageOutcome = { isStored: false, confirmed: [], setAside: [], addedEvents: 0 };
const CONFLICT: SetAsideReason = { code: 'CONFLICT', message: 'Another event stands in its place.' };
const DEPENDENCY: SetAsideReason = { code: 'DEPENDENCY', message: 'It follows on a unit that is not there any more.' };
const REFUSED: SetAsideReason = { code: 'LOST', message: 'The server has lost it, and does not take it back.' };
const LOST: SetAsideReason = { code: 'LOST', message: 'The server has lost what it stood on.' };

/** As `UnitTables.planPage`. */
export function planPage(
  state: PlanningState,
  page: UnitPage,
  nowMs: number,
  ownOnly = false,
): PlannedChange<PageOutcome> {
  const mark = standing(state);
  const isAnew = state.anewAt !== undefined;
  // What is lost is offered first: it would be in the way of a page, or leave unoffered.
  if (page.from !== mark.cursor || state.isHealing) return { outcome: NOT_STORED, change: undefined };
  const { to: cursor, position } = page;
  const first = page.units[0]?.position ?? position + 1;
  assertPage(position >= mark.position && first > mark.position, `the store stands at ${mark.position} already`);
  const units = ownOnly ? withoutStrangers(state, page.units) : page.units;
  const { known, shifted, replaced, again, lessened, grown, added, hidden } = sortOut(state, units);
  if (isAnew) {
    const shown = new Set(page.units.map(({ id }) => id));
    for (const originatorId of state.rows.hiddenBetween(mark.position, position, shown)) hidden.add(originatorId);
  }
  const elsewhere = [...shifted.values(), ...replaced];
  const inPage = new Set([...known.values(), ...elsewhere].map(({ place }) => place));
  const coming = units
    .filter(({ id }) => !again.has(id))
    .map((unit) => ({ ...unit, events: grown.get(unit.id)?.coming ?? unit.events }));
  const leaving = inTheWay(state, coming, { known, inPage });
  const unseen = pendingOf(state, hidden).filter(({ place }) => !inPage.has(place));
  for (const unit of unseen) leaving.set(unit.place, { unit, reason: UNSEEN });
  close(state, leaving, elsewhere, inPage);
  const wasThere = new Set(elsewhere.map(({ place }) => place));
  const { moved, setAside } = settle(
    state,
    leaving,
    ({ place }) => wasThere.has(place),
    coming,
    new Set(unseen.map(({ place }) => place)),
  );
  const confirmed = new Map([...known, ...shifted]);
  const wasHere = new Map([
    ...replaced.map(({ id }) => [id, false] as const),
    ...state.rows.setAsideOf(added.map(({ id }) => id)),
  ]);
  const isOwn = (id: UnitId): boolean => wasHere.get(id) === false;
  const outcome: PageOutcome = {
    isStored: true,
    confirmed: [...confirmed.keys(), ...[...wasHere.keys()].filter(isOwn)],
    setAside: idsOf(setAside),
    addedEvents: added.reduce((sum, { id, events }) => sum + (isOwn(id) ? 0 : events.length), 0),
  };
  if (cursor === page.from && page.units.length === 0) return { outcome, change: undefined };
  const positions = [...new Set([position, ...state.marks.map((one) => one.position)])].sort((a, b) => b - a);
  const isEnd = position >= (state.marks[0]?.position ?? 0);
  const change: SyncChange = {
    atMs: nowMs,
    ...changeOf(setAside, [
      ...units.flatMap((unit) => {
        const row = shifted.get(unit.id);
        return row === undefined ? [] : [movedAs(row, unit)];
      }),
      ...moved,
    ]),
    step: {
      kind: 'page',
      cursor,
      position,
      droppedMarks: droppedMarks(positions).filter((at) => at !== position),
      replaced: [...replaced, ...[...grown.values()].map(({ row }) => row)].map(({ place }) => place),
      confirmed: units.flatMap((unit): Confirming[] => {
        const row = confirmed.get(unit.id) ?? lessened.get(unit.id);
        return row === undefined
          ? []
          : [{ place: row.place, position: unit.position, total: unit.total, origin: unit.origin }];
      }),
      added,
      firstNotificationId: state.maxNotificationId + 1,
      wereHere: added.flatMap(({ id }, index) => (wasHere.has(id) ? [index] : [])),
      ...{ hidden: [...hidden], anew: isAnew ? (isEnd ? 'ends' : 'goesOn') : 'no' },
    },
  };
  return { outcome, change };
}

/** As `UnitTables.planSetAside`. */
export function planSetAside(
  state: PlanningState,
  refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
  nowMs: number,
): PlannedChange<readonly UnitId[]> {
  const rows = state.rows.byIds(refused.map(({ id }) => id));
  const leaving: Leaving = new Map();
  for (const { id, reason } of refused) {
    const unit = rows.get(id);
    // Confirmed meanwhile, or set aside: another tab was first.
    if (unit !== undefined && isPending(unit)) leaving.set(unit.place, { unit, reason });
  }
  const refusedPlaces = new Set(leaving.keys());
  close(state, leaving, [], new Set());
  const { moved, setAside } = settle(state, leaving, () => false, [], refusedPlaces);
  const change = { atMs: nowMs, ...changeOf(setAside, moved), step: undefined };
  return { outcome: idsOf(setAside), change: leaving.size === 0 ? undefined : change };
}

/** As `UnitTables.planRewind`. */
export function planRewind(state: PlanningState, cursor: Cursor, nowMs: number): PlannedChange<boolean> {
  const mark = [...state.marks, START].find((one) => one.cursor === cursor);
  if (mark === undefined) return { outcome: false, change: undefined };
  const isBack = mark.position < (state.marks[0]?.position ?? 0);
  const step = { kind: 'rewind', position: mark.position } as const;
  return { outcome: true, change: isBack ? { atMs: nowMs, setAside: [], step } : undefined };
}

/** As `UnitTables.planFollowAnew`. */
export function planFollowAnew(state: PlanningState, asked: Cursor, nowMs: number): PlannedChange<boolean> {
  const { cursor, position } = standing(state);
  if (cursor !== asked || position === 0 || state.isHealing) return { outcome: false, change: undefined };
  return { outcome: true, change: { atMs: nowMs, setAside: [], step: { kind: 'anew' } } };
}

/** Where a store stands: at its newest mark, or where it has come to on its way anew. */
export function standing({ marks, anewAt }: Pick<PlanningState, 'marks' | 'anewAt'>): Mark {
  const mark = anewAt === undefined ? marks[0] : marks.find(({ position }) => position === anewAt);
  return mark ?? START;
}

/** As `UnitTables.planEndHeal`. */
export function planEndHeal(
  state: PlanningState,
  { rewinds, refused }: EndOfHealing,
  nowMs: number,
): PlannedChange<boolean> {
  // Another tab has ended it, or has gone back again.
  if (!state.isHealing || rewinds !== state.rewinds) return { outcome: !state.isHealing, change: undefined };
  const leaving: Leaving = new Map(state.rows.onLost().map((unit) => [unit.place, { unit, reason: LOST }]));
  for (const unit of state.rows.byIds(refused).values()) {
    if (isLostOfOthers(unit)) leaving.set(unit.place, { unit, reason: REFUSED });
  }
  close(state, leaving, [], new Set());
  const { moved, setAside } = settle(state, leaving, isLostOfOthers);
  return { outcome: true, change: { atMs: nowMs, ...changeOf(setAside, moved), step: { kind: 'endHeal' } } };
}

function isLostOfOthers({ flags }: UnitRow): boolean {
  return (flags & (FLAG_LOST | FLAG_FOREIGN)) === (FLAG_LOST | FLAG_FOREIGN);
}

/** Those that were recorded here, or are about what is here. */
function withoutStrangers(state: PlanningState, units: readonly ConfirmedUnit[]): readonly ConfirmedUnit[] {
  const here = aggregatesThatAreHere(state, units);
  const aside = state.rows.setAsideOf(units.map(({ id }) => id));
  return units.filter(({ id, events }) => aside.has(id) || events.some(({ originatorId }) => here.has(originatorId)));
}

/** Units of a page, by what is here of them. */
interface SortedUnits {
  /** Pending, as the page has them. */
  readonly known: ReadonlyMap<UnitId, UnitRow>;
  /** Pending, of commutative events, with other versions or in another edition. */
  readonly shifted: ReadonlyMap<UnitId, UnitRow>;
  /** Pending, in another form. */
  readonly replaced: readonly UnitRow[];
  /** Confirmed, with all that the page shows. */
  readonly again: ReadonlySet<UnitId>;
  /** Those of them of which it shows less than is here: the server's seal is for that. */
  readonly lessened: ReadonlyMap<UnitId, UnitRow>;
  readonly grown: ReadonlyMap<UnitId, GrownUnit>;
  /** All others, and those that are replaced, or have grown. */
  readonly added: readonly ConfirmedUnit[];
  /** Aggregates of events that are here, and that the page does not show. */
  readonly hidden: Set<OriginatorId>;
}

function sortOut(state: PlanningState, units: readonly ConfirmedUnit[]): SortedUnits {
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
    if (isPending(row)) {
      if (!isEdition || !isAsHere(unit, own)) {
        if (isShifted(unit, row, own)) shifted.set(id, row);
        else replaced.push(row);
        return;
      }
      known.set(id, row);
    } else {
      const isInPlace = state.anewAt !== undefined && isEdition && unit.position === row.position;
      assertPage(isInPlace, `unit ${id} stood elsewhere`);
      const coming = without(unit.events, own);
      if (coming.length > 0) grown.set(id, { row, coming });
      else {
        again.add(id);
        if (less.length > 0) lessened.set(id, row);
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

/** Of an own unit all events are here, also where the page has only those that may be seen. */
function isAsHere({ events, total }: ConfirmedUnit, here: readonly StoredEvent[]): boolean {
  if (total !== here.length) return false;
  let at = 0;
  for (const event of events) {
    while (at < here.length && !isAt(here[at] as StoredEvent, event)) at++;
    const own = here[at];
    if (own?.topic !== event.topic || !areEqualBytes(own.state, event.state)) return false;
  }
  return true;
}

/** Pending units of some aggregates. */
function pendingOf({ rows }: PlanningState, originatorIds: Iterable<OriginatorId>): UnitRow[] {
  return [...originatorIds].flatMap((originatorId) =>
    rows.openAfter(uuidToBytes(originatorId), Number.MIN_SAFE_INTEGER),
  );
}

function isPending({ position }: UnitRow): boolean {
  return position === undefined;
}

function isAt(a: StoredEvent, b: StoredEvent): boolean {
  return a.originatorId === b.originatorId && a.originatorVersion === b.originatorVersion;
}

/**
 * What is pending in the places of added events.
 *
 * @throws DataError (`DATA_ERROR`) when an event does not follow on the one before it
 */
function inTheWay(
  state: PlanningState,
  units: readonly ConfirmedUnit[],
  { known, inPage }: { readonly known: ReadonlyMap<UnitId, UnitRow>; readonly inPage: ReadonlySet<NotificationId> },
): Leaving {
  const leaving: Leaving = new Map();
  const last = new Map<OriginatorId, number>();
  const unseen = aggregatesThatAreHere(state, units);
  for (const { id, events } of units) {
    for (const { originatorId, originatorVersion } of events) {
      // At the first event that is not here, of an aggregate that is: in a first synchronisation every look counts.
      if (!known.has(id) && unseen.delete(originatorId)) {
        const { pending, confirmed } = state.rows.tail(originatorId);
        const others = pending.filter(({ unit }) => !inPage.has(unit.place));
        for (const { unit } of others) leaving.set(unit.place, { unit, reason: CONFLICT });
        const below = others.find((one) => one.originatorVersion < originatorVersion)?.originatorVersion;
        assertPage(below === undefined, `version ${below} of ${originatorId} is missing in it`);
        if (confirmed !== undefined && !last.has(originatorId)) last.set(originatorId, confirmed);
      }
      const before = last.get(originatorId) ?? originatorVersion - 1;
      // What is here has been recorded with gaps, perhaps; but two events cannot have one place.
      const isNext = known.has(id) ? originatorVersion > before : originatorVersion === before + 1;
      assertPage(isNext, `version ${originatorVersion} of ${originatorId} follows on version ${before}`);
      last.set(originatorId, originatorVersion);
    }
  }
  return leaving;
}

function aggregatesThatAreHere(state: PlanningState, units: readonly ConfirmedUnit[]): Set<OriginatorId> {
  const ids = [...new Set(units.flatMap(({ events }) => events.map(({ originatorId }) => originatorId)))];
  const versions = state.maxVersions(ids);
  return new Set(ids.filter((_id, index) => (versions[index] as number) >= 0));
}

/** Adds every later unit of an aggregate that something touches which leaves. @param elsewhere - what else leaves its place */
function close(
  state: PlanningState,
  leaving: Leaving,
  elsewhere: readonly UnitRow[],
  inPage: ReadonlySet<NotificationId>,
): void {
  const touched = new Map<string, number>();
  const toLookAt = [...[...leaving.values()].map(({ unit }) => unit), ...elsewhere];
  for (let unit = toLookAt.pop(); unit !== undefined; unit = toLookAt.pop()) {
    for (const [originatorId, version] of state.rows.aggregatesOf(unit)) {
      const key = bytesToUuid(originatorId);
      if ((touched.get(key) ?? Infinity) <= version) continue;
      touched.set(key, version);
      for (const later of state.rows.openAfter(originatorId, version)) {
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
function settle(
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

function changeOf(setAside: readonly Left[], moved: readonly Moving[]): Pick<SyncChange, 'setAside' | 'moved'> {
  return {
    setAside: setAside.map(({ unit, reason }) => ({ place: unit.place, reason })),
    ...(moved.length === 0 ? {} : { moved }),
  };
}

function idsOf(setAside: readonly Left[]): UnitId[] {
  return setAside.map(({ unit }) => unit.id);
}
