/**
 * What a page says of what a store has already.
 *
 * While the log is followed anew, its pages show units that are confirmed here. The log has all that the store holds, so what
 * lies between where a page begins and where it ends, and is not in it, may not be seen: it leaves at once, and not at the
 * end of the log, and its whole aggregate with it, because scopes are of whole aggregates. So do the marks between them: who
 * went back to one would have what was seen there for all that may be seen now.
 *
 * @module
 */
import type { StoredEvent } from '../stored-event.js';
import { OUT_OF_SCOPE } from '../unit.js';
import type { SetAsideReason } from '../unit-recorder.js';
import type { UnitRow } from './sqlite-unit-rows.js';

/** Why what was pending of an aggregate that may not be seen any more is set aside. */
export const UNSEEN: SetAsideReason = { code: OUT_OF_SCOPE, message: 'It may not be seen at present.' };

/** A unit of which a page shows more than is here. */
export interface GrownUnit {
  readonly row: UnitRow;
  /** What it shows more. */
  readonly coming: readonly StoredEvent[];
}

/** Some events, but for those that are among others. */
export function without(events: readonly StoredEvent[], others: readonly StoredEvent[]): readonly StoredEvent[] {
  const there = new Set(others.map(keyOf));
  return events.filter((event) => !there.has(keyOf(event)));
}

/** Names an event by its place. */
export function keyOf({
  originatorId,
  originatorVersion,
}: Pick<StoredEvent, 'originatorId' | 'originatorVersion'>): string {
  return `${originatorId}:${originatorVersion}`;
}
