import { eventTaken } from '../position-taken.js';
import type { SelectEventsOptions } from '../recorder.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';

/** The sequences of aggregates, in arrays that are sorted by version. */
export class MemoryAggregateTable {
  readonly #sequences = new Map<OriginatorId, StoredEvent[]>();

  maxVersion(originatorId: OriginatorId): number {
    return this.#sequences.get(originatorId)?.at(-1)?.originatorVersion ?? -1;
  }

  has(originatorId: OriginatorId, originatorVersion: number): boolean {
    const events = this.#sequences.get(originatorId) ?? [];
    return events[firstAbove(events, originatorVersion - 1)]?.originatorVersion === originatorVersion;
  }

  /** @throws IntegrityError (`INTEGRITY_ERROR`) when the position is taken */
  insert(event: StoredEvent): void {
    const { originatorId, originatorVersion } = event;
    const events = this.#sequences.get(originatorId);
    if (events === undefined) {
      this.#sequences.set(originatorId, [event]);
      return;
    }
    // Events mostly arrive in order: then this is the end of the array, and nothing is searched or moved.
    if (originatorVersion > (events[events.length - 1] as StoredEvent).originatorVersion) {
      events.push(event);
      return;
    }
    const index = firstAbove(events, originatorVersion);
    if (events[index - 1]?.originatorVersion === originatorVersion) throw eventTaken(event);
    events.splice(index, 0, event);
  }

  /** Takes back an event that is there. */
  remove({ originatorId, originatorVersion }: StoredEvent): void {
    const events = this.#sequences.get(originatorId) as StoredEvent[];
    events.splice(firstAbove(events, originatorVersion) - 1, 1);
    if (events.length === 0) this.#sequences.delete(originatorId);
  }

  select(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    const events = this.#sequences.get(originatorId) ?? [];
    const from = options.gt === undefined ? 0 : firstAbove(events, options.gt);
    const to = options.lte === undefined ? events.length : firstAbove(events, options.lte);
    const selected = events.slice(from, Math.max(from, to));
    if (options.desc === true) selected.reverse();
    return options.limit === undefined ? selected : selected.slice(0, options.limit);
  }
}

/** Index of the first event with a version greater than the given one, by binary search. */
function firstAbove(events: readonly StoredEvent[], version: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as StoredEvent).originatorVersion > version) high = middle;
    else low = middle + 1;
  }
  return low;
}
