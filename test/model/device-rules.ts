/**
 * The rules of a device as functions from a state to a state. Each is one commit of its store.
 *
 * - D1 Only a page confirms. The answer of a push is a hint.
 * - D2 A page begins where the device stands; another one is thrown away. What it brings, confirms and takes away is one
 *   commit with the cursor. An own unit is recognised by its edition; in another one, the page's counts. A unit that a page
 *   brings is not set aside any more.
 * - D3 A device that the server does not know the cursor of goes back to the common place. What was confirmed after it is
 *   lost, stays where it is, and is offered. Then the device follows the log: what is there again is recognised, as own
 *   units are. At the end of the log, own units that are not there are pending again, and those of others leave. It says
 *   where the log ended after the offer, so that a log which was set back once more is noticed before.
 * - D4 See device-draft.ts.
 * - D5 A device whose scopes are others by now follows the log from its start, and keeps what it has meanwhile. What a page
 *   does not show of what lies between its ends leaves with it: the whole aggregate, and pending units of it are set aside.
 *   Until it is where it was, it says how far that is, so that a log which was set back meanwhile is noticed first.
 * - D7 See device-truncation.ts; D8 see device-bootstrap.ts.
 * - D6 A unit that is set aside is tried again under its id, or, when it was refused for good, under one that follows from
 *   it: whoever tries the same again, on whichever copy of the device, tries it once.
 *
 * @module
 */
import { decide, edited, intentOf, type Command } from './domain.js';
import type { DeviceState, HeldUnit } from './device-state.js';
import { payloadsOf, rowsOf, versionOf } from './device-state.js';
import type { DeviceRules } from './device-draft.js';
import { DeviceDraft } from './device-draft.js';
import { dropLostBases, notTruncated, passAnew } from './device-truncation.js';
import type { ModelCursor, ModelEvent, ModelPage, PlacedEvent, SealedUnit } from './unit-types.js';
import { derivedId, START } from './unit-types.js';

const NEW = { local: 0, status: 'pending', position: 0, author: '', seal: '', sealedIndexes: [], isOwn: true } as const;

/** Records what a command decides. @returns `undefined` for a domain error */
export function record(
  state: DeviceState,
  command: Command,
  ids: { readonly id: string; readonly intent: string },
  rules: DeviceRules,
): DeviceState | undefined {
  const decided = decide(command, ids.intent, (aggregate) => payloadsOf(state, aggregate));
  if (decided === undefined) return undefined;
  const { drafts, isCommutative } = decided;
  const events = drafts.map((drafted, index) => ({ ...drafted, index, version: 0 }));
  const draft = new DeviceDraft(state, rules);
  draft.place({ ...NEW, ...ids, edition: ids.id, isCommutative, events, total: events.length, command });
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
  const isElsewhere = page.from.position !== at.position || page.from.hash !== at.hash;
  if ((isElsewhere && !draft.isBroken('page-anywhere')) || state.healing === 'offering') return undefined;
  for (const unit of page.units) take(draft, unit);
  sweepUnseen(draft, page);
  const isSettled = page.isHead && state.healing === 'settling';
  if (isSettled) sweepLost(draft);
  draft.settle();
  return { ...commit(moved(state, page, rules), draft), healing: isSettled ? 'none' : state.healing };
}

function moved(state: DeviceState, page: ModelPage, rules: DeviceRules): DeviceState {
  const { pass } = state;
  const isStill = page.to.position === page.from.position;
  // What was seen of them may have been another part: who went back to one would take that for all.
  const isLeft = ({ position }: ModelCursor): boolean =>
    position <= page.from.position || position > page.to.position || rules.mode.broken === 'marks-stay';
  const marks = isStill ? state.marks : [...state.marks.filter(isLeft), page.to];
  const isThrough = pass === undefined || page.to.position >= pass.held.position;
  if (isThrough) return { ...state, cursor: page.to, marks, pass: undefined };
  return { ...state, marks, pass: { ...pass, cursor: page.to } };
}

/** @param shown - those of its events that are to be here */
export function take(
  draft: DeviceDraft,
  unit: SealedUnit,
  shown: readonly PlacedEvent[] = notTruncated(draft, unit.events),
): void {
  const { id, edition, isCommutative, total, position, author, seal } = unit;
  const asideUnit = draft.aside.get(id)?.unit;
  if (!draft.isBroken('aside-stays')) draft.takeFromAside(id);
  const held = draft.units.get(id);
  const sealedIndexes = unit.events.map(({ index }) => index);
  const now = { status: 'confirmed', position, author, seal, sealedIndexes } as const;
  if (held === undefined && shown.length === 0) return;
  if (held !== undefined && isRecognised(draft, held, unit)) {
    const missing = shown.filter(({ index }) => !held.events.some((event) => event.index === index));
    if (missing.length > 0) makeRoom(draft, missing);
    const events = [...held.events, ...missing].sort((a, b) => a.index - b.index);
    draft.put({ ...held, ...now, events });
    return;
  }
  if (held?.status === 'confirmed') throw new Error(`${id} is confirmed as ${held.edition} and as ${edition}`);
  const before = held ?? draft.lifted(id) ?? asideUnit;
  makeRoom(draft, shown, held?.id);
  for (const { aggregate, version } of shown) {
    const last = versionOf(draft, aggregate);
    const own = shown.filter((event) => event.aggregate === aggregate && event.version < version).length;
    if (last + own + 1 !== version) throw new Error(`${aggregate} ${version} of ${id} does not follow ${last + own}`);
  }
  const kept = before ?? { local: draft.nextLocal++, isOwn: false, intent: '' };
  draft.put({ ...kept, ...now, id, edition, isCommutative, total, events: shown });
}

function isRecognised(draft: DeviceDraft, held: HeldUnit, { edition, events }: SealedUnit): boolean {
  if (!draft.isBroken('place-is-unit')) return held.edition === edition;
  return events.every(({ index, aggregate, version }) =>
    held.events.some((own) => own.index === index && own.aggregate === aggregate && own.version === version),
  );
}

/** Somebody else has these places: what is not confirmed from there on gives way, and the unit itself in another edition. */
function makeRoom(draft: DeviceDraft, events: readonly ModelEvent[], itself?: string): void {
  const reasons = new Map<string, string>();
  if (itself !== undefined) reasons.set(itself, 'CONFLICT');
  for (const { aggregate, version } of events) {
    for (const { event, unit } of rowsOf(draft, aggregate)) {
      if (event.version >= version && unit.status !== 'confirmed') reasons.set(unit.id, 'CONFLICT');
    }
  }
  if (reasons.size > 0) draft.giveWay(reasons);
}

/** D3: what the log does not have although everything was offered. */
function sweepLost(draft: DeviceDraft): void {
  const reasons = new Map<string, string>();
  for (const unit of draft.units.values()) {
    if (unit.status !== 'lost') continue;
    const staysHere = unit.isOwn && unit.events.length === unit.total && !draft.isBroken('lost-is-gone');
    draft.put({ ...unit, status: 'pending', isOwn: unit.isOwn && !draft.isBroken('lost-is-gone') });
    if (!staysHere) reasons.set(unit.id, 'LOST');
  }
  draft.giveWay(reasons);
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
    } else if (events.length === 0) draft.remove([unit.id]);
    else if (events.length < unit.events.length) draft.put({ ...unit, events });
  }
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
  draft.settle();
  return commit(state, draft);
}

function finalCode(code: string): string {
  return code === 'CONFLICT' ? 'CONFLICT_REFUSED' : code;
}

/** D3. @returns `undefined` when the device has no such mark (any more): another tab was first */
export function rewind(state: DeviceState, to: ModelCursor, rules: DeviceRules): DeviceState | undefined {
  const isMark = ({ position, hash }: ModelCursor): boolean => position === to.position && hash === to.hash;
  const { pass } = state;
  if (to.position > 0 && !state.marks.some(isMark)) return undefined;
  const units = new Map(state.units);
  let isLost = false;
  for (const unit of state.units.values()) {
    if (unit.status === 'confirmed' && unit.position > to.position) units.set(unit.id, { ...unit, status: 'lost' });
    isLost ||= units.get(unit.id)?.status === 'lost';
  }
  const isOffered = !isLost || rules.mode.broken === 'no-heal';
  return {
    ...state,
    units,
    cursor: to,
    marks: state.marks.filter(({ position }) => position <= to.position),
    // What is before it is to be looked at once more: what the pass has shown of it may have been of another log.
    pass: pass === undefined || to.position === 0 ? undefined : { cursor: START, held: to },
    bootstrap: to.position < state.cursor.position ? undefined : state.bootstrap,
    offered: START,
    healing: isOffered ? (isLost ? 'settling' : state.healing) : 'offering',
    rewinds: state.rewinds + 1,
  };
}

/** D3: everything that is lost was offered, by somebody who began at this rewind. */
export function endOffering(state: DeviceState, rewinds: number, head: ModelCursor, rules: DeviceRules): DeviceState {
  if (state.healing !== 'offering' || state.rewinds !== rewinds) return state;
  const draft = new DeviceDraft(state, rules);
  const isAnew = dropLostBases(draft, state.cursor.position);
  draft.settle();
  const next = { ...commit(state, draft), healing: 'settling', offered: head } as const;
  return isAnew ? { ...next, pass: passAnew(state) } : next;
}

/** D5: the server says that the device has other scopes than those of its cursor. */
export function beginPass(state: DeviceState, asked: ModelCursor): DeviceState {
  const at = state.pass?.cursor ?? state.cursor;
  if (asked.position !== at.position || asked.hash !== at.hash || asked.scopes !== at.scopes) return state;
  const held = at.position > (state.pass?.held.position ?? 0) ? at : (state.pass?.held ?? at);
  return { ...state, pass: { cursor: START, held }, bootstrap: undefined };
}

/** D6. */
export function retry(state: DeviceState, id: string, rules: DeviceRules): DeviceState {
  const entry = state.aside.get(id);
  const command = entry?.unit.command;
  if (entry === undefined || command === undefined) return state;
  const draft = new DeviceDraft(state, rules);
  const isRefused = ['FORBIDDEN_AMOUNT', 'CONFLICT_REFUSED', 'ID_TAKEN'].includes(entry.code);
  const nextId = !isRefused ? id : draft.isBroken('retry-random-id') ? rules.fresh() : `${id}+`;
  draft.takeFromAside(id);
  // Where another copy of this device has tried it again, that is what became of it.
  if (draft.units.has(nextId)) return commit(state, draft);
  const isDecided = draft.decideAgain({ ...entry.unit, command: edited(command) }, nextId);
  return isDecided ? commit(state, draft) : state;
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
