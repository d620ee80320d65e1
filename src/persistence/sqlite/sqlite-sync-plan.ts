/**
 * What a call of a `UnitRecorder` changes, decided on the tables as they are. Changes nothing.
 *
 * A page is taken in four steps. Each of its units is *known* as it is here, and is confirmed; or, where it commutes and the
 * server has given it other versions, *shifted* to these; or it is *added*, in the place of what is known of it in another
 * form. What is pending where an added event belongs is *in the way*, and leaves. With what leaves goes every later pending
 * unit of an aggregate that it touches (*closure*), but for those that the page has: once for the page, and not for each of
 * its units. And of all that leaves, what commutes is moved behind what is there then (`sqlite-move-plan.ts`), and the rest
 * is set aside. The first step is in `sqlite-page-units.ts`, what leaves in `sqlite-leaving.ts`; what a page says of what is
 * confirmed here is in `sqlite-anew-plan.ts`.
 *
 * @module
 */
import { droppedMarks } from '../journal/kept-marks.js';
import type { Confirming, SyncChange } from '../journal/sync-change.js';
import type { PlannedChange } from '../journal/unit-tables.js';
import type { NotificationId } from '../stored-event.js';
import type { Cursor, UnitId, UnitPage } from '../unit.js';
import { SUPERSEDED } from '../unit-recorder.js';
import type { EndOfHealing, InsertPageOptions, PageOutcome, SetAsideReason } from '../unit-recorder.js';
import { assertPage } from '../unit-validation.js';
import { UNSEEN } from './sqlite-anew-plan.js';
import { takenOf } from './sqlite-bootstrap-plan.js';
import { changeOf, close, idsOf, inTheWay, openOf, settle } from './sqlite-leaving.js';
import type { Leaving, Left } from './sqlite-leaving.js';
import { movedAs } from './sqlite-move-plan.js';
import { sortOut, withoutStrangers, withoutTruncated } from './sqlite-page-units.js';
import { START } from './sqlite-marks.js';
import { isPending, standing } from './sqlite-planning-state.js';
import type { PlanningState } from './sqlite-planning-state.js';
import { FLAG_LOST, isConfirmed, isForeign } from './sqlite-unit-rows.js';
import type { UnitRow } from './sqlite-unit-rows.js';

const NOT_STORED: PageOutcome = { isStored: false, confirmed: [], setAside: [], addedEvents: 0 };
const REFUSED: SetAsideReason = { code: 'LOST', message: 'The server has lost it, and does not take it back.' };
const LOST: SetAsideReason = { code: 'LOST', message: 'The server has lost what it stood on.' };

/** As `UnitTables.planPage`. */
export function planPage(
  state: PlanningState,
  page: UnitPage,
  nowMs: number,
  { ownOnly = false, offered }: Pick<InsertPageOptions, 'ownOnly' | 'offered'> = {},
): PlannedChange<PageOutcome> {
  const mark = standing(state);
  const isAnew = state.anewAt !== undefined;
  // What is lost is offered first: it would be in the way of a page, or leave unoffered.
  const isUnoffered =
    state.isHealing &&
    (offered?.rewinds !== state.rewinds || state.truncation.lostAt(state.marks[0]?.position ?? 0).length > 0);
  if (page.from !== mark.cursor || isUnoffered) return { outcome: NOT_STORED, change: undefined };
  const { to: cursor, bootstrap } = page;
  const part = bootstrap && takenOf(state, page, bootstrap);
  if (bootstrap !== undefined && part === undefined) return { outcome: NOT_STORED, change: undefined };
  const position = bootstrap?.position ?? page.position;
  const first = page.units[0]?.position ?? position + 1;
  const isAfter = position >= mark.position && first > mark.position;
  assertPage(part !== undefined || (isAfter && !state.isBootstrapping), `the store stands at ${mark.position} already`);
  const shown = part?.units ?? page.units;
  const wanted = ownOnly ? withoutStrangers(state, shown) : shown;
  const units = isAnew ? withoutTruncated(state, wanted) : wanted;
  const { known, shifted, replaced, again, lessened, grown, added, hidden } = sortOut(state, units);
  if (isAnew) {
    const ids = new Set(page.units.map(({ id }) => id));
    for (const originatorId of state.rows.hiddenBetween(mark.position, position, ids)) hidden.add(originatorId);
  }
  const elsewhere = [...shifted.values(), ...replaced];
  const grownRows = [...grown.values()].map(({ row }) => row);
  const inPage = new Set([...known.values(), ...grownRows, ...elsewhere].map(({ place }) => place));
  const coming = units
    .filter(({ id }) => !again.has(id))
    .map((unit) => {
      const more = grown.get(unit.id);
      return more !== undefined && isConfirmed(more.row) ? { ...unit, events: more.coming } : unit;
    });
  const bases = new Map(part?.bases.map(({ version, snapshot }) => [snapshot.originatorId, version]));
  const leaving = inTheWay(state, coming, { known, grown, inPage, bases });
  const unseen = openOf(state, hidden).filter(({ place }) => !inPage.has(place));
  for (const unit of unseen) leaving.set(unit.place, { unit, reason: UNSEEN });
  close(state, leaving, elsewhere, inPage, 'all');
  const wasThere = new Set(elsewhere.map(({ place }) => place));
  const { moved, setAside: left } = settle(
    state,
    leaving,
    ({ place }) => wasThere.has(place),
    coming,
    new Set(unseen.map(({ place }) => place)),
  );
  const [setAside, gone] = ofOthersApart(left, offered);
  const confirmed = new Map([...known, ...shifted]);
  const wasHere = new Map([
    ...replaced.filter((row) => !isForeign(row)).map(({ id }) => [id, false] as const),
    ...state.rows.setAsideOf(added.map(({ id }) => id)),
  ]);
  const isOwn = (id: UnitId): boolean => wasHere.get(id) === false;
  const outcome: PageOutcome = {
    isStored: true,
    confirmed: [
      ...[...confirmed.values()].filter((row) => !isForeign(row)).map(({ id }) => id),
      ...[...wasHere.keys()].filter(isOwn),
    ],
    setAside: idsOf(setAside),
    addedEvents: added.reduce((sum, { id, events }) => sum + (isOwn(id) ? 0 : events.length), 0),
  };
  if (cursor === page.from && page.units.length === 0) return { outcome, change: undefined };
  const marks = state.marks.map((one) => one.position);
  const passed = isAnew ? marks.filter((at) => at > mark.position && at < position) : [];
  const kept = marks.filter((at) => !passed.includes(at) && at !== position);
  const positions = [...kept, position].sort((a, b) => b - a);
  const lastId = state.maxNotificationId + added.reduce((sum, { events }) => sum + events.length, 0);
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
      droppedMarks: [...passed, ...droppedMarks(positions).filter((at) => at !== position)],
      replaced: [...replaced, ...grownRows, ...gone].map(({ place }) => place),
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
      ...(part === undefined
        ? {}
        : {
            bootstrap: {
              ...{ isEnd: bootstrap?.isEnd === true, covered: page.position },
              bases: part.bases.map((base) => ({ ...base, lastId })),
            },
          }),
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
  if (cursor !== asked || position === 0) return { outcome: false, change: undefined };
  return { outcome: true, change: { atMs: nowMs, setAside: [], step: { kind: 'anew' } } };
}

/** As `UnitTables.planEndHeal`. */
export function planEndHeal(
  state: PlanningState,
  { rewinds, refused, superseding }: EndOfHealing,
  nowMs: number,
): PlannedChange<boolean> {
  // Another tab has ended it, or has gone back again.
  if (!state.isHealing || rewinds !== state.rewinds) return { outcome: !state.isHealing, change: undefined };
  const leaving: Leaving = new Map(state.rows.onLost().map((unit) => [unit.place, { unit, reason: LOST }]));
  for (const unit of state.rows.byIds(refused).values()) {
    if (isLostOfOthers(unit)) leaving.set(unit.place, { unit, reason: REFUSED });
  }
  // What they stood on has left this store, and is of no log.
  const baseless = openOf(state, state.truncation.lostAt(state.marks[0]?.position ?? 0));
  const withoutBase = baseless.filter((unit) => !isForeign(unit));
  for (const unit of withoutBase) leaving.set(unit.place, { unit, reason: LOST });
  close(state, leaving, [], new Set());
  const final = new Set(withoutBase.map(({ place }) => place));
  const { moved, setAside: left } = settle(state, leaving, isLostOfOthers, [], final);
  const setAside = superseding === 'defer' ? waiting(state, left, final) : left;
  return { outcome: true, change: { atMs: nowMs, ...changeOf(setAside, moved), step: { kind: 'endHeal' } } };
}

/**
 * The same; what is own and has its command waits for being decided again. What is here in part only counts as that of others,
 * though it was recorded here, and its command is kept: nobody can decide it, and it would wait for ever.
 *
 * @param final - not these, by their place: others may bring back what they stood on, and would find its place taken
 */
function waiting({ rows }: PlanningState, left: readonly Left[], final: ReadonlySet<NotificationId>): readonly Left[] {
  const decidable = rows.withCommands(left.map(({ unit }) => unit.id));
  const isWaiting = ({ unit }: Left): boolean => decidable.has(unit.id) && !isForeign(unit) && !final.has(unit.place);
  return left.map((one) => (isWaiting(one) ? { ...one, reason: { ...one.reason, code: SUPERSEDED } } : one));
}

/** Of what leaves, that which is kept, and what others have recorded and the server has lost: it has that, or refuses it. */
function ofOthersApart(
  left: readonly Left[],
  offered: EndOfHealing | undefined,
): readonly [setAside: readonly Left[], gone: readonly UnitRow[]] {
  const refused = new Set(offered?.refused);
  const isKept = ({ unit }: Left): boolean => !isForeign(unit) || refused.has(unit.id);
  const setAside = left.filter(isKept).map((one) => (isForeign(one.unit) ? { ...one, reason: REFUSED } : one));
  return [setAside, left.filter((one) => !isKept(one)).map(({ unit }) => unit)];
}

function isLostOfOthers(unit: UnitRow): boolean {
  return isForeign(unit) && (unit.flags & FLAG_LOST) !== 0;
}
