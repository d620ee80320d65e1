/**
 * What was offered to a log that has lost it, and does not fit, or not yet: what it waits for, and how parts of it add up.
 *
 * ```text
 * a part            ──▶ waits for the others; each says which events of the unit it has, so that they can be joined
 * what it stood on is not there yet ──▶ waits for that edition: whatever brings it, makes it due
 * something else stands in its place ──▶ waits for an operator
 * ```
 *
 * @module
 */
import type { OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { editionOf } from '../../persistence/unit-edition.js';
import type { EditionId, LostUnit } from '../../persistence/unit.js';
import { firstOfAggregates, isWhole as hasNoHoles } from './decide-units.js';
import type { AggregateEnd } from './decide-units.js';
import type { SetAsideRow } from './log-storage.js';
import { indexesOfSeal, partSeal } from './part-indexes.js';

/** What a unit awaits that is to be looked at now: no edition, and less than all of them. */
export const DUE: EditionId = '00000000-0000-0000-0000-000000000000';

/** Whether all events of a unit are there. */
export function isWhole({ events, total }: LostUnit): boolean {
  return events.length === total;
}

/**
 * What has to come before a unit fits, that is whole.
 *
 * @param ends - of its aggregates
 * @returns an edition, {@link DUE} where it fits now, `undefined` where another event stands in its place
 */
export function awaitedBy(unit: LostUnit, ends: ReadonlyMap<OriginatorId, AggregateEnd>): EditionId | undefined {
  if (!hasNoHoles(unit)) return undefined;
  let awaited: EditionId = DUE;
  for (const [index, { originatorId, originatorVersion }] of firstOfAggregates(unit.events).entries()) {
    const [end, before] = [ends.get(originatorId), unit.after[index]];
    const isNext = end === undefined || originatorVersion === end.version + 1;
    if (end?.edition === before && isNext) continue;
    // An edition that is there, or whose place is taken, does not come any more.
    if (before === undefined || (end !== undefined && originatorVersion <= end.version + 1)) return undefined;
    if (awaited === DUE) awaited = before;
  }
  return awaited;
}

/**
 * What is kept of a unit that is offered once more: parts of it in one edition add up; of two editions the one that the log
 * had later stays.
 */
export function joinedOffers(held: LostUnit, offer: LostUnit): LostUnit {
  if (editionOf(held) !== editionOf(offer)) return offer.position > held.position ? offer : held;
  if (isWhole(held) || held.total !== offer.total) return held;
  const parts = [held, offer].map(indexesOfPart);
  if (isWhole(offer) || parts[0] === undefined) return offer;
  if (parts[1] === undefined) return held;
  const events = new Map<number, StoredEvent>();
  const places = new Map<OriginatorId, EditionId | undefined>();
  for (const [at, unit] of [held, offer].entries()) {
    for (const [nth, index] of (parts[at] as readonly number[]).entries()) {
      events.set(index, unit.events[nth] as StoredEvent);
    }
    for (const [nth, { originatorId }] of firstOfAggregates(unit.events).entries()) {
      places.set(originatorId, unit.after[nth]);
    }
  }
  if (events.size === held.events.length) return held;
  const indexes = [...events.keys()].sort((one, other) => one - other);
  const all = indexes.map((index) => events.get(index) as StoredEvent);
  return {
    ...held,
    events: all,
    after: firstOfAggregates(all).map(({ originatorId }) => places.get(originatorId)),
    // Nobody has sealed it so. Each part was, when it came.
    origin: { ...held.origin, seal: partSeal(indexes, held.total) },
  };
}

/** @returns which events of the unit these are; `undefined` where that was not said when it was sealed */
function indexesOfPart({ events, origin, total }: LostUnit): readonly number[] | undefined {
  const indexes = indexesOfSeal(origin.seal, total);
  return indexes?.length === events.length ? indexes : undefined;
}

/**
 * What is to be written of a unit that was offered and did not come back.
 *
 * @param held - what is there of it
 * @returns `undefined` where that stays as it is
 */
export function keptOffer(
  held: SetAsideRow | undefined,
  offered: SetAsideRow,
  isStopped: boolean,
): SetAsideRow | undefined {
  if (held === undefined) return offered;
  const unit = joinedOffers(held.unit, offered.unit);
  const { offeredBy, offeredAtMs } = held;
  const isJoined = isWhole(unit) && !isWhole(offered.unit) && !isWhole(held.unit);
  if (isJoined && !isStopped) return { ...offered, unit, offeredBy, offeredAtMs, awaits: DUE };
  // A part that says nothing new, or another edition, says nothing of what is there.
  const isOfIt = unit !== held.unit || (isWhole(offered.unit) && editionOf(offered.unit) === editionOf(unit));
  const isNew = unit !== held.unit || held.code !== offered.code || held.awaits !== offered.awaits;
  return isOfIt && isNew ? { ...offered, unit, offeredBy, offeredAtMs } : undefined;
}
