/**
 * The rules of a device as functions from a state to a state. Each is one commit of its store.
 *
 * - D1 Only a page confirms. The answer of a push is a hint.
 * - D2 A page begins where the device stands, with the scopes that it stood there with; another one is thrown away. What it brings, confirms and takes away is one
 *   commit with the cursor. An own unit is recognised by its edition; in another one, the page's counts. A unit that a page
 *   brings is not set aside any more.
 * - D3 A device that the server does not know the cursor of goes back to the common place. What was confirmed after it is
 *   lost, stays where it is, and is offered. Then the device follows the log: what is there again is recognised, as own
 *   units are. At the end of the log, own units that are not there are pending again, and those of others leave. It says
 *   where the log ended after the offers, so that a log which was set back once more is noticed before. What of others was
 *   offered and is not taken back is set aside, because nobody else may have it.
 * - D4 See device-draft.ts.
 * - D5 A device whose scopes are others by now follows the log from its start, and keeps what it has meanwhile. What a page
 *   does not show of what lies between its ends leaves with it: the whole aggregate, and pending units of it are set aside.
 *   Until it is where it was, it says how far that is, so that a log which was set back meanwhile is noticed first. When it is
 *   there, and at the end of the log, what was set aside because it could not be seen is pending again, where it stands on
 *   what is there.
 * - D7 See device-truncation.ts; D8 see device-bootstrap.ts.
 * - D6 A unit that is set aside is tried again under its id, or, when it was refused for good, under one that follows from
 *   it: whoever tries the same again, on whichever copy of the device, tries it once.
 * - D9 A release of the application that does not know an event keeps it, confirms it and offers it as any other, and records
 *   nothing on its aggregate. What was decided by a command that it does not know, or is to be decided on such an event, stays
 *   set aside, and can be tried again by a release that knows it.
 *
 * @module
 */
import { droppedMarks } from '../../src/persistence/journal/kept-marks.js';
import { edited, intentOf, type Command } from './domain.js';
import type { DeviceState, HeldUnit } from './device-state.js';
import { rowsOf, versionOf } from './device-state.js';
import type { DeviceRules } from './device-draft.js';
import { DeviceDraft, REFUSALS } from './device-draft.js';
import { hideLostBases, lostBases, notTruncated } from './device-truncation.js';
import type { ModelCursor, ModelEvent, ModelPage, PlacedEvent, SealedUnit } from './unit-types.js';
import { derivedId, START } from './unit-types.js';

const NEW = { local: 0, status: 'pending', position: 0, author: '', seal: '', sealedIndexes: [], isOwn: true } as const;

/** Records what a command decides. @returns `undefined` where it decides nothing */
export function record(
  state: DeviceState,
  command: Command,
  ids: { readonly id: string; readonly intent: string },
  rules: DeviceRules,
): DeviceState | undefined {
  const draft = new DeviceDraft(state, rules);
  const decided = draft.decide({ command, intent: ids.intent });
  if (typeof decided === 'string' || decided.drafts.length === 0) return undefined;
  const { drafts, isCommutative } = decided;
  const events = drafts.map((drafted, index) => ({ ...drafted, index, version: 0 }));
  const unit = { ...NEW, ...ids, edition: ids.id, isCommutative, events, total: events.length, command };
  draft.place(unit, { isAnew: false, local: draft.nextLocal++ });
  return commit(state, draft);
}

/** Opens a store of the release before units: each event becomes a unit, under an id that follows from it. */
export function upgrade(state: DeviceState, events: readonly ModelEvent[], rules: DeviceRules): DeviceState {
  const draft = new DeviceDraft(state, rules);
  for (const event of events) {
    const id = draft.isBroken('old-random-id') ? rules.fresh() : derivedId(event);
    const unit = { id, edition: id, isCommutative: false, total: 1, intent: intentOf(event.payload) };
    draft.put({ ...NEW, ...unit, events: [{ ...event, index: 0 }], local: draft.nextLocal++ });
  }
  return commit(state, draft);
}

/** D2. @returns `undefined` when the page is not stored, because the device stands elsewhere */
export function insertPage(state: DeviceState, page: ModelPage, rules: DeviceRules): DeviceState | undefined {
  const draft = new DeviceDraft(state, rules);
  const at = state.pass?.cursor ?? state.cursor;
  if (state.bootstrap !== undefined) return undefined;
  const isElsewhere = !isSamePlace(page.from, at);
  if ((isElsewhere && !draft.isBroken('page-anywhere')) || state.healing === 'offering') return undefined;
  takePage(draft, page.units, (unit) => notTruncated(draft, unit.events));
  sweepUnseen(draft, page);
  draft.settle('page', state.refused);
  if (page.isHead) draft.decideSuperseded();
  const next = moved(state, page, rules);
  const isReturning = state.isReturning || (state.pass !== undefined && next.pass === undefined);
  if (page.isHead && isReturning && !draft.isBroken('unseen-stays')) draft.takeBack();
  const stored = { ...commit(next, draft), isReturning: isReturning && !page.isHead };
  return page.isHead && state.healing === 'settling' ? decidedAfter(endHealing(stored, rules), rules) : stored;
}

/** The same place with other scopes is another one: what was seen up to there is another part. */
export function isSamePlace(one: ModelCursor, other: ModelCursor): boolean {
  return one.position === other.position && one.hash === other.hash && one.scopes === other.scopes;
}

/**
 * D7: what stood on a base that is of no log cannot be recognised by pages. So the first page that is answered, which says
 * that the log is still the one that all was offered to, ends healing, and is not stored.
 *
 * @returns `undefined` where there is nothing of that
 */
export function endWithoutBases(state: DeviceState, page: ModelPage, rules: DeviceRules): DeviceState | undefined {
  if (state.healing !== 'settling' || !isSamePlace(page.from, state.pass?.cursor ?? state.cursor)) return undefined;
  const lost = lostBases(new DeviceDraft(state, rules), state.cursor.position);
  return lost.length === 0 ? undefined : endHealing(state, rules);
}

function moved(state: DeviceState, page: ModelPage, rules: DeviceRules): DeviceState {
  const { pass } = state;
  const isStill = page.to.position === page.from.position;
  // What was seen of them may have been another part: who went back to one would take that for all.
  const isLeft = ({ position }: ModelCursor): boolean =>
    position <= page.from.position || position > page.to.position || rules.mode.broken === 'marks-stay';
  const marks = isStill ? state.marks : thinned([...state.marks.filter(isLeft), page.to], page.to);
  const isThrough = pass === undefined || page.to.position >= pass.held.position;
  if (isThrough) return { ...state, cursor: page.to, marks, pass: undefined };
  return { ...state, marks, pass: { ...pass, cursor: page.to } };
}

/** Those that need not be kept are farther from the end the farther apart they are; the place where a device stands is kept. */
function thinned(marks: readonly ModelCursor[], at: ModelCursor): readonly ModelCursor[] {
  const dropped = new Set(droppedMarks(marks.map(({ position }) => position).sort((a, b) => b - a)));
  return marks.filter((mark) => mark === at || !dropped.has(mark.position));
}

/** A unit of a page, or of a part of a bootstrap, and what is here of it. */
interface Coming {
  readonly unit: SealedUnit;
  /** What is shown of it that is not here. */
  readonly events: readonly PlacedEvent[];
  /** The unit as it is or was here, or is set aside. */
  readonly before: HeldUnit | undefined;
  /** Whether it is here in that edition. */
  readonly isRecognised: boolean;
  /** Whether it is here, with the same events in other places: it stays where it was among what was recorded here. */
  readonly isShifted: boolean;
}

/** @param shownOf - those events of a unit that are to be here */
export function takePage(
  draft: DeviceDraft,
  units: readonly SealedUnit[],
  shownOf: (unit: SealedUnit) => readonly PlacedEvent[],
): void {
  const coming = units.flatMap((unit) => comingOf(draft, unit, shownOf(unit)) ?? []);
  for (const one of coming) {
    if (!draft.isBroken('aside-stays')) draft.takeFromAside(one.unit.id);
    if (one.isRecognised && one.before !== undefined) draft.put({ ...one.before, ...confirmedAs(one.unit) });
  }
  // Once for the page, and not for each of its units.
  makeRoom(draft, coming);
  for (const one of coming) if (one.events.length > 0) add(draft, one);
}

function comingOf(draft: DeviceDraft, unit: SealedUnit, shown: readonly PlacedEvent[]): Coming | undefined {
  const held = draft.units.get(unit.id);
  const before = held ?? draft.lifted(unit.id) ?? draft.aside.get(unit.id)?.unit;
  if (held === undefined) {
    if (shown.length > 0) return { unit, events: shown, before, isRecognised: false, isShifted: false };
    if (!draft.isBroken('aside-stays')) draft.takeFromAside(unit.id);
    return undefined;
  }
  if (isRecognised(draft, held, unit)) {
    const events = shown.filter(({ index }) => !held.events.some((event) => event.index === index));
    return { unit, events, before, isRecognised: true, isShifted: false };
  }
  if (held.status === 'confirmed') {
    throw new Error(`${unit.id} is confirmed as ${held.edition} and as ${unit.edition}`);
  }
  const isShifted = unit.isCommutative && held.isCommutative && said(held.events) === said(shown);
  return { unit, events: shown, before, isRecognised: false, isShifted };
}

function confirmedAs({ position, author, seal, events }: SealedUnit): Partial<HeldUnit> {
  return { status: 'confirmed', position, author, seal, sealedIndexes: events.map(({ index }) => index) };
}

function add(draft: DeviceDraft, { unit, events: coming, before, isRecognised: isHere, isShifted }: Coming): void {
  const { id, edition, isCommutative, total } = unit;
  for (const { aggregate, version } of coming) {
    const last = versionOf(draft, aggregate);
    const own = coming.filter((event) => event.aggregate === aggregate && event.version < version).length;
    if (last + own + 1 !== version) throw new Error(`${aggregate} ${version} of ${id} does not follow ${last + own}`);
  }
  const here = isHere ? (draft.units.get(id)?.events ?? []) : [];
  const events = [...here, ...coming].sort((a, b) => a.index - b.index);
  const local = isShifted && before !== undefined ? before.local : draft.nextLocal++;
  // What is here in part is nobody's own any more, also when more of it is shown later.
  const isGrown = isHere && before?.status === 'confirmed';
  const isOwn = before?.isOwn === true && !isGrown && events.length === total;
  const kept = { ...(before ?? { ...NEW, intent: '' }), isOwn };
  draft.put({ ...kept, ...confirmedAs(unit), id, edition, isCommutative, total, events, local });
}

/** What events say, wherever they stand. */
function said(events: readonly PlacedEvent[]): string {
  return events.map(({ aggregate, payload }) => `${aggregate} ${payload}`).join();
}

function isRecognised(draft: DeviceDraft, held: HeldUnit, { edition, events }: SealedUnit): boolean {
  if (!draft.isBroken('place-is-unit')) return held.edition === edition;
  return events.every(({ index, aggregate, version }) =>
    held.events.some((own) => own.index === index && own.aggregate === aggregate && own.version === version),
  );
}

/**
 * Others have these places: what is not confirmed of their aggregates gives way, and the units themselves in other editions.
 * What the page has in the edition that is here stays.
 */
function makeRoom(draft: DeviceDraft, coming: readonly Coming[]): void {
  const reasons = new Map<string, string>();
  const aggregates = new Set(coming.flatMap(({ events }) => events.map(({ aggregate }) => aggregate)));
  for (const aggregate of aggregates) {
    for (const { unit } of rowsOf(draft, aggregate)) {
      if (unit.status !== 'confirmed') reasons.set(unit.id, 'CONFLICT');
    }
  }
  for (const { unit, isRecognised: isHere } of coming) {
    if (!isHere && draft.units.has(unit.id)) reasons.set(unit.id, 'CONFLICT');
  }
  if (reasons.size > 0) draft.giveWay(reasons);
}

/** D3: what the log does not have although everything was offered. D7: what stood on a base that is of no log. */
function endHealing(state: DeviceState, rules: DeviceRules): DeviceState {
  const draft = new DeviceDraft(state, rules);
  const reasons = new Map<string, string>();
  const isOwn = (unit: HeldUnit): boolean =>
    unit.isOwn && unit.events.length === unit.total && !draft.isBroken('lost-is-gone');
  const baseless = lostBases(draft, state.cursor.position);
  for (const unit of draft.units.values()) {
    if (unit.status === 'confirmed') continue;
    if (unit.status === 'lost' && !isOwn(unit)) reasons.set(unit.id, 'LOST');
    else if (unit.events.some(({ aggregate }) => baseless.includes(aggregate))) reasons.set(unit.id, 'LOST_BASE');
    else if (unit.events.some((event) => standsOnLost(draft, event, isOwn))) reasons.set(unit.id, 'LOST');
  }
  for (const unit of draft.units.values()) {
    if (unit.status === 'lost') draft.put({ ...unit, status: 'pending', position: 0, isOwn: isOwn(unit) });
  }
  draft.giveWay(reasons);
  draft.settle('endOfHealing', state.refused);
  hideLostBases(draft, baseless);
  const { cursor } = state;
  const pass = baseless.length === 0 || cursor.position === 0 ? state.pass : { cursor: START, held: cursor };
  return { ...commit(state, draft), healing: 'none', offered: [], refused: [], pass };
}

/** At the end of the log, what has given way to the end of healing is decided again. */
function decidedAfter(state: DeviceState, rules: DeviceRules): DeviceState {
  const draft = new DeviceDraft(state, rules);
  draft.decideSuperseded();
  return commit(state, draft);
}

/** Whether something of others that is lost stands before an event. */
function standsOnLost(
  draft: DeviceDraft,
  { aggregate, version }: PlacedEvent,
  isOwn: (unit: HeldUnit) => boolean,
): boolean {
  return rowsOf(draft, aggregate).some(
    ({ event, unit }) => event.version < version && unit.status === 'lost' && !isOwn(unit),
  );
}

/** D5: what lies between the ends of a page that does not show it, and the whole aggregate with it. */
function sweepUnseen(draft: DeviceDraft, { from, to, units }: ModelPage): void {
  if (draft.isBroken('no-sweep')) return;
  const shown = new Map(units.map(({ id, events }) => [id, new Set(events.map(({ index }) => index))]));
  const end = draft.isBroken('sweep-early') ? Infinity : to.position;
  const isUnseen = ({ id, status, position }: HeldUnit, { index }: PlacedEvent): boolean =>
    status === 'confirmed' && position > from.position && position <= end && shown.get(id)?.has(index) !== true;
  const all = [...draft.units.values()];
  const hidden = new Set(
    all.flatMap((unit) => unit.events.filter((event) => isUnseen(unit, event)).map(({ aggregate }) => aggregate)),
  );
  hide(draft, hidden, (unit, event) =>
    draft.isBroken('sweep-units') ? isUnseen(unit, event) : hidden.has(event.aggregate),
  );
}

/** Aggregates leave that may not be seen any more. @param isGone - which of their events */
export function hide(
  draft: DeviceDraft,
  hidden: ReadonlySet<string>,
  isGone: (unit: HeldUnit, event: PlacedEvent) => boolean = (_unit, { aggregate }) => hidden.has(aggregate),
): void {
  if (hidden.size === 0) return;
  if (!draft.isBroken('sweep-units')) draft.dropBases(hidden);
  const reasons = new Map<string, string>();
  for (const unit of [...draft.units.values()]) {
    const events = unit.events.filter((event) => !isGone(unit, event));
    if (unit.status !== 'confirmed') {
      if (unit.events.some(({ aggregate }) => hidden.has(aggregate))) reasons.set(unit.id, 'OUT_OF_SCOPE');
    } else draft.keepPart(unit, events);
  }
  draft.hideLifted(hidden);
  draft.giveWay(reasons);
}

/** Sets aside pending units that a server has refused, with what stands on them. */
export function setAside(
  state: DeviceState,
  refused: readonly { readonly id: string; readonly code: string }[],
  rules: DeviceRules,
): DeviceState {
  const isPending = ({ id }: { readonly id: string }): boolean => state.units.get(id)?.status === 'pending';
  const reasons = new Map(refused.filter(isPending).map(({ id, code }) => [id, finalCode(code)]));
  if (reasons.size === 0) return state;
  const draft = new DeviceDraft(state, rules);
  draft.giveWay(reasons);
  draft.settle('refusal');
  return commit(state, draft);
}

function finalCode(code: string): string {
  return code === 'CONFLICT' ? 'CONFLICT_REFUSED' : code;
}

/** D3. @returns `undefined` when the device has no such mark (any more): another tab was first */
export function rewind(state: DeviceState, to: ModelCursor, rules: DeviceRules): DeviceState | undefined {
  const { pass } = state;
  if (to.position > 0 && !state.marks.some((mark) => isSamePlace(mark, to))) return undefined;
  const units = new Map(state.units);
  let isLost = false;
  for (const unit of state.units.values()) {
    if (unit.status === 'confirmed' && unit.position > to.position) units.set(unit.id, { ...unit, status: 'lost' });
    isLost ||= units.get(unit.id)?.status === 'lost';
  }
  const isOffered = !isLost || rules.mode.broken === 'no-heal';
  const isBack = to.position < state.cursor.position;
  return {
    ...state,
    units,
    cursor: to,
    marks: state.marks.filter(({ position }) => position <= to.position),
    // What is before it is to be looked at once more: what the pass has shown of it may have been of another log.
    pass: !isBack ? pass : pass === undefined || to.position === 0 ? undefined : { cursor: START, held: to },
    bootstrap: isBack ? undefined : state.bootstrap,
    offered: [],
    refused: [],
    healing: isOffered ? (isLost ? 'settling' : 'none') : 'offering',
    rewinds: state.rewinds + (isBack ? 1 : 0),
  };
}

/** D3: everything that is lost was offered, by somebody who began at this rewind. */
export function endOffering(
  state: DeviceState,
  rewinds: number,
  { heads, refused }: { readonly heads: readonly ModelCursor[]; readonly refused: readonly string[] },
): DeviceState {
  if (state.healing !== 'offering' || state.rewinds !== rewinds) return state;
  return { ...state, healing: 'settling', offered: heads, refused };
}

/** D5: the server says that the device has other scopes than those of its cursor. */
export function beginPass(state: DeviceState, asked: ModelCursor): DeviceState {
  const at = state.pass?.cursor ?? state.cursor;
  if (!isSamePlace(asked, at)) return state;
  const held = at.position > (state.pass?.held.position ?? 0) ? at : (state.pass?.held ?? at);
  return { ...state, pass: { cursor: START, held }, bootstrap: undefined };
}

/** D6. */
export function retry(state: DeviceState, id: string, rules: DeviceRules): DeviceState {
  const entry = state.aside.get(id);
  const command = entry?.unit.command;
  // What is here in part, or was others', nobody here can decide.
  if (entry === undefined || command === undefined || !entry.unit.isOwn) return state;
  const draft = new DeviceDraft(state, rules);
  const isRefused = REFUSALS.has(entry.code);
  const nextId = !isRefused ? id : draft.isBroken('retry-random-id') ? rules.fresh() : `${id}+`;
  const outcome = draft.decideAgain({ ...entry.unit, command: edited(command) }, nextId);
  if (outcome === 'DOMAIN' || outcome === 'UNKNOWN') return state;
  if (outcome === 'decided' && nextId !== id && (state.units.has(nextId) || state.aside.has(nextId))) {
    // Another copy of this device has tried it again: that is what became of it.
    return discard(state, id);
  }
  draft.takeFromAside(id);
  return commit(state, draft);
}

/** The only way on which something that was recorded here leaves. */
export function discard(state: DeviceState, id: string): DeviceState {
  const aside = new Map(state.aside);
  aside.delete(id);
  return { ...state, aside };
}

export function commit(state: DeviceState, draft: DeviceDraft): DeviceState {
  const hole = draft.hole();
  if (hole !== undefined) throw new Error(`a device has a hole: ${hole}`);
  return { ...state, units: draft.units, bases: draft.bases, aside: draft.aside, nextLocal: draft.nextLocal };
}
