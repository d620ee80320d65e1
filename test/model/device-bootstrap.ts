/**
 * How a new device begins with what stands for history.
 *
 * - D8 A device in which nothing is confirmed may take parts of a bootstrap. What was recorded here before the first part may be
 *   in the log by then, and what stands for it would not say so: so the device names what its own units are about, the first
 *   part has all of that as events, and is not stored where something else is about. What is here already is passed over in
 *   the parts after it, and of a unit that is taken which is of the aggregates of the part, or here. What is recorded later is
 *   not in the log at the place of the parts, and gives way. A part follows on the one before it; after the last one the
 *   device stands at the place. Who goes back, or follows the log anew, has no bootstrap any more: the pages bring the rest.
 *
 * @module
 */
import type { BootstrapState, DeviceState, HeldUnit } from './device-state.js';
import { rowsOf } from './device-state.js';
import type { DeviceRules } from './device-draft.js';
import { DeviceDraft } from './device-draft.js';
import { commit, hide, isSamePlace, takePage } from './device-rules.js';
import type { ModelPart } from './server-bootstrap.js';
import { isAfter } from './server-bootstrap.js';
import type { PlacedEvent, SealedUnit } from './unit-types.js';

/** What a part is asked for by. @returns `undefined` where none is to be asked for */
export function bootstrapOf(
  state: DeviceState,
  rules: DeviceRules,
): { readonly from: BootstrapState | undefined; readonly named: readonly string[] } | undefined {
  if (state.bootstrap !== undefined) return { from: state.bootstrap, named: [] };
  const isNew = state.cursor.position === 0 && state.marks.length === 0;
  if (!isNew || state.pass !== undefined || state.healing !== 'none') return undefined;
  const named = rules.mode.broken === 'part-over-own' ? [] : openAggregates(state);
  return { from: undefined, named };
}

/** D8. @returns `undefined` when it is not stored: another tab was first, or something was recorded meanwhile */
export function insertPart(state: DeviceState, part: ModelPart, rules: DeviceRules): DeviceState | undefined {
  if (!follows(state, part, rules)) return undefined;
  const draft = new DeviceDraft(state, rules);
  const isHere = (aggregate: string): boolean =>
    state.bases.has(aggregate) || rowsOf(state, aggregate).some(({ unit }) => unit.status === 'confirmed');
  const aggregates = new Map([...part.aggregates].filter(([aggregate]) => !isHere(aggregate)));
  const reasons = new Map<string, string>();
  for (const [aggregate, base] of aggregates) {
    if (base === undefined) continue;
    draft.bases = new Map(draft.bases).set(aggregate, base);
    // Not in the log at that place.
    for (const { unit } of rowsOf(draft, aggregate)) reasons.set(unit.id, 'CONFLICT');
  }
  if (reasons.size > 0) draft.giveWay(reasons);
  takePage(draft, part.units, (unit) => shownOf(draft, unit, aggregates));
  hide(draft, unseenOf(draft, part.units));
  draft.settle('page');
  const { at, next: bootstrap } = part;
  return { ...commit(state, draft), cursor: at, marks: [at], bootstrap };
}

function shownOf(draft: DeviceDraft, unit: SealedUnit, aggregates: ModelPart['aggregates']): readonly PlacedEvent[] {
  const held = draft.units.get(unit.id);
  const isHere = (index: number): boolean => held?.events.some((event) => event.index === index) === true;
  const isWhole = draft.isBroken('part-unit-whole');
  return unit.events.filter((event) => isWhole || isAfter(event, aggregates) || isHere(event.index));
}

/** Aggregates of events that are here of units, and that are not shown. */
function unseenOf(draft: DeviceDraft, units: readonly SealedUnit[]): Set<string> {
  const unseen = units.flatMap(({ id, events: shown }) => {
    const events = draft.units.get(id)?.events ?? [];
    return events.filter(({ index }) => !shown.some((event) => event.index === index));
  });
  return new Set(unseen.map(({ aggregate }) => aggregate));
}

function follows(state: DeviceState, { from, at, aggregates }: ModelPart, { mode }: DeviceRules): boolean {
  if (state.healing !== 'none' || state.pass !== undefined) return false;
  const { bootstrap } = state;
  if (bootstrap !== undefined) {
    if (mode.broken === 'part-anywhere') return true;
    return from?.given === bootstrap.given && isSamePlace(from.at, bootstrap.at);
  }
  if (from !== undefined || state.cursor.position > 0 || state.marks.length > 0) return false;
  if (mode.broken === 'part-over-own') return true;
  return at.position > 0 && openAggregates(state).every((aggregate) => aggregates.has(aggregate));
}

/** What units are about that were recorded here, and that no page has confirmed. */
function openAggregates({ units, aside }: DeviceState): string[] {
  const open = [...units.values(), ...[...aside.values()].map(({ unit }) => unit)].filter(isOpen);
  return [...new Set(open.flatMap(({ events }) => events.map(({ aggregate }) => aggregate)))];
}

function isOpen({ status }: HeldUnit): boolean {
  return status !== 'confirmed';
}
