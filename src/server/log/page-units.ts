/**
 * What of the log a page shows: pure.
 *
 * @module
 */
import type { NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import type { ConfirmedUnit, LostUnit, PendingUnit, UnitOrigin } from '../../persistence/unit.js';
import { firstOfAggregates } from './decide-units.js';
import type { PlacedUnit } from './decide-units.js';
import type { IdGap, UnitRow } from './log-storage.js';
import type { HistoryOptions, PageOptions, Sender, Visibility } from './unit-log.js';

/** A unit of the log, with what it stood on. */
export type StatedConfirmedUnit = ConfirmedUnit & Pick<LostUnit, 'after'>;

/** A unit of the log as who has sent it knows it, with where it was given a place. */
export function statedUnit(
  { events, ...unit }: PlacedUnit,
  { author, recordedAtMs }: Omit<UnitOrigin, 'seal'>,
): StatedConfirmedUnit {
  return { ...unit, events, total: events.length, origin: { author, recordedAtMs, seal: new Uint8Array(0) } };
}

/** Bytes of topics and states. */
export function bytesOf(events: readonly StoredEvent[]): number {
  return events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0);
}

/** How much a unit is. */
export type UnitSize = Pick<UnitRow, 'count' | 'bytes'>;

/** The first units, up to the one in which a limit is reached. */
export function firstUnits(
  rows: readonly UnitRow[],
  limits: Pick<PageOptions, 'eventsMax' | 'bytesMax'>,
): readonly UnitRow[] {
  let [events, bytes] = [0, 0];
  const end = rows.findIndex((row) => {
    events += row.count;
    bytes += row.bytes;
    return events >= limits.eventsMax || bytes >= limits.bytesMax;
  });
  return end === -1 ? rows : rows.slice(0, end + 1);
}

/** Whether a page of these would end, or be full, before they do. */
export function isMore(rows: readonly UnitSize[], limits: Pick<PageOptions, 'eventsMax' | 'bytesMax'>): boolean {
  const sum = (of: (row: UnitSize) => number): number => rows.reduce((before, row) => before + of(row), 0);
  return sum(({ count }) => count) >= limits.eventsMax || sum(({ bytes }) => bytes) >= limits.bytesMax;
}

/** Ranges of ids: a new one where the order of the log is not that of the ids, because one was committed late. */
export function rangesOf(rows: readonly UnitRow[]): readonly IdGap[] {
  const ranges: { first: NotificationId; last: NotificationId }[] = [];
  for (const { lastId, count } of rows) {
    const [first, open] = [lastId - count + 1, ranges.at(-1)];
    // Not over a wide gap either: what is in it is not known.
    if (open !== undefined && first > open.last && first - open.last <= count + 100) open.last = lastId;
    else ranges.push({ first, last: lastId });
  }
  return ranges;
}

/** Whether the sender of a new unit may see all of it: it writes to no other part of the log. */
export function isAllVisible(
  unit: PendingUnit,
  { subject, recordedAtMs }: Pick<Sender, 'subject'> & { readonly recordedAtMs: number },
  { isVisible }: Visibility,
): boolean {
  const { id, events, isCommutative, scopes } = unit;
  const origin = { author: subject, recordedAtMs, seal: new Uint8Array(0) };
  const asConfirmed: ConfirmedUnit = { id, events, isCommutative, scopes, position: 0, total: events.length, origin };
  return events.every((_event, index) => isVisible(asConfirmed, index));
}

/** What somebody may see of a unit. */
export type SeenUnit = StatedConfirmedUnit & {
  /** Of a part: which of the unit's events these are. */
  readonly indexes?: readonly number[];
};

/** What somebody may see of units. */
export function visibleParts(units: readonly StatedConfirmedUnit[], { isVisible }: Visibility): SeenUnit[] {
  return units.flatMap((unit): SeenUnit[] => {
    const indexes = [...unit.events.keys()].filter((index) => isVisible(unit, index));
    if (indexes.length === 0) return [];
    if (indexes.length === unit.events.length) return [unit];
    const events = indexes.map((index) => unit.events[index] as StoredEvent);
    const seen = new Set(events.map(({ originatorId }) => originatorId));
    const firsts = firstOfAggregates(unit.events);
    const after = unit.after.filter((_, index) => seen.has((firsts[index] as StoredEvent).originatorId));
    return [{ ...unit, events, after, indexes }];
  });
}

/** The events of one aggregate in units, which follow each other from a version on; none, where not all may be seen. */
export function historyIn(
  units: readonly StatedConfirmedUnit[],
  originatorId: OriginatorId,
  { after, upTo, visibility }: Pick<HistoryOptions, 'after' | 'upTo' | 'visibility'>,
): readonly StoredEvent[] {
  const events: StoredEvent[] = [];
  for (const unit of units) {
    for (const [index, event] of unit.events.entries()) {
      const { originatorVersion: version } = event;
      if (event.originatorId !== originatorId || version <= after || version > upTo) continue;
      if (visibility !== undefined && !visibility.isVisible(unit, index)) return [];
      if (version !== after + 1 + events.length) return events;
      events.push(event);
    }
  }
  return events;
}
