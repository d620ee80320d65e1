/**
 * Whether a unit that is not among those that are pending any more may be it again.
 *
 * @module
 */
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import { derivedEdition } from '../unit-edition.js';
import type { EditionId, PendingUnit } from '../unit.js';

/** The last version of an aggregate, and its edition. */
export interface AggregateTail {
  readonly version: number;
  readonly edition: EditionId | undefined;
}

/**
 * Places a unit that has left behind what there is of its aggregates now.
 *
 * @param tails - of aggregates that are here
 * @returns the unit with the versions that it has here; undefined when it does not stand on what is here
 */
export function placed(
  unit: PendingUnit,
  tails: ReadonlyMap<OriginatorId, AggregateTail | undefined>,
): PendingUnit | undefined {
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
