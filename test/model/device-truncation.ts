/**
 * How confirmed history leaves a device, and what becomes of that when the log was set back.
 *
 * - D7 What a device has of an aggregate up to a version may leave when a page has confirmed it and the event after it, and
 *   the server has just said the same of it. What stays is a *base*: the state, which an aggregate is made of from then on;
 *   the edition, for what stands on it; and where the log has the event after it, the *anchor*, which never leaves. A base
 *   whose anchor is lost is of no log: when all that is lost was offered, and the log is still the one that it was offered to,
 *   healing ends at once, its aggregate leaves with it, what is pending of it is set aside, and the log is followed once more
 *   from its start.
 *
 * @module
 */
import type { Base, DeviceState, HeldUnit } from './device-state.js';
import { payloadsOf, rowsOf, standsOn } from './device-state.js';
import type { DeviceDraft, DeviceRules } from './device-draft.js';
import type { PlacedEvent } from './unit-types.js';
import { hashText } from './unit-types.js';

/** What a device and a server say of an aggregate's first events. */
export function digestOf(payloads: readonly string[]): number {
  return hashText(7, payloads.join());
}

/** Up to which versions an aggregate can be truncated. @returns `undefined` for none */
export function truncatable(state: DeviceState, aggregate: string): { from: number; to: number } | undefined {
  const from = (state.bases.get(aggregate)?.version ?? 0) + 1;
  const confirmed = rowsOf(state, aggregate).filter(({ unit }) => unit.status === 'confirmed');
  const to = (confirmed.at(-1)?.event.version ?? 0) - 1;
  const isAtRest = state.pass === undefined && state.healing === 'none';
  return isAtRest && to >= from ? { from, to } : undefined;
}

/** D7. @param digest - as the server has just said. @returns the same state where that is not what is here */
export function truncate(
  state: DeviceState,
  { aggregate, version, digest }: { readonly aggregate: string; readonly version: number; readonly digest: number },
  rules: DeviceRules,
): DeviceState {
  const range = truncatable(state, aggregate);
  if (range === undefined || version < range.from || version > range.to) return state;
  const payloads = payloadsOf(state, aggregate).slice(0, version);
  if (digestOf(payloads) !== digest && rules.mode.broken !== 'truncate-unasked') return state;
  const anchor = rowsOf(state, aggregate).find(({ event }) => event.version === version + 1);
  if (anchor === undefined) return state;
  const edition =
    rules.mode.broken === 'base-forgets'
      ? ''
      : (standsOn(state, { ...anchor.unit, events: [anchor.event] })[aggregate] ?? '');
  const units = new Map(state.units);
  for (const unit of state.units.values()) {
    const events = unit.events.filter((event) => event.aggregate !== aggregate || event.version > version);
    if (events.length === 0) units.delete(unit.id);
    else if (events.length < unit.events.length) units.set(unit.id, { ...unit, events, isOwn: false });
  }
  const base: Base = { version, edition, position: anchor.unit.position, payloads };
  return { ...state, units, bases: new Map(state.bases).set(aggregate, base) };
}

/** What a page shows, without what a base is for. */
export function notTruncated(draft: DeviceDraft, events: readonly PlacedEvent[]): readonly PlacedEvent[] {
  if (draft.isBroken('pass-repeats')) return events;
  return events.filter(({ aggregate, version }) => version > (draft.bases.get(aggregate)?.version ?? 0));
}

/** Whether something of a unit has left, so that nobody can offer it as it was. */
export function isPart({ events, sealedIndexes, status }: HeldUnit): boolean {
  return status !== 'pending' && sealedIndexes.some((index) => !events.some((event) => event.index === index));
}

/** D7: aggregates whose bases are of no log any more, because it has lost what stood after them. */
export function lostBases(draft: DeviceDraft, position: number): readonly string[] {
  if (draft.isBroken('base-stays')) return [];
  return [...draft.bases].filter(([, base]) => base.position > position).map(([aggregate]) => aggregate);
}

/** D7, when healing ends: such an aggregate leaves with what is confirmed of it. */
export function hideLostBases(draft: DeviceDraft, lost: readonly string[]): void {
  for (const unit of lost.length === 0 ? [] : [...draft.units.values()]) {
    const events = unit.events.filter(({ aggregate }) => !lost.includes(aggregate));
    draft.keepPart(unit, events);
  }
  draft.dropBases(lost);
}
