/**
 * Makes units of events that others have recorded beside the log: a Python process, or any SQL.
 *
 * Under the lock, before anything else is answered, so that what is decided then stands on them, and the chain has them.
 * Whoever inserts takes an id before or with the lock of the table, so what has a larger id than the head is all there is
 * new, with one exception: an id that was taken before, by a sequence that was asked beforehand, or that gives a session
 * several at once. So ids that are passed over are remembered. An event that turns up there later goes to the end of the
 * log, whatever its id: what devices have is not changed, and nothing is passed over in silence.
 *
 * @module
 */
import { derivedUnitId } from '../../persistence/derived-unit-id.js';
import { InternalError } from '../../persistence/errors.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { EditionId } from '../../persistence/unit.js';
import type { PlacedUnit } from './decide-units.js';
import { nextChain } from './log-chain.js';
import type { EventPlace, IdGap, LogHead, LogStanding, LogTransaction, UnitRow } from './log-storage.js';

// At once, under the lock: of a table of millions that gets a log, or of a bulk load.
const EVENTS_AT_ONCE = 1_000;

/** What came of a part of the events. */
export interface Adoption {
  readonly head: LogHead;
  /** Whether there are no more of them. */
  readonly isComplete: boolean;
}

/** Whether others have recorded something. */
export function hasStrangers({ head, maxId, filled }: LogStanding): boolean {
  return maxId !== head.lastId || filled.length > 0;
}

/** @throws InternalError (`INTERNAL_ERROR`) when events of the log are gone */
export async function adoptEvents(
  transaction: LogTransaction,
  standing: LogStanding,
  recordedAtMs: number,
): Promise<Adoption> {
  const { head, maxId } = standing;
  if (maxId < head.lastId) throw eventsGone(standing);
  if (!hasStrangers(standing)) return { head, isComplete: true };
  const found = await findEvents(transaction, standing);
  const rows = await toUnits(transaction, found, recordedAtMs);
  const last = rows.at(-1) ?? head;
  const next: LogHead = { position: last.position, chain: last.chain, lastId: found.lastId };
  await transaction.change({
    head: next,
    units: rows,
    // Somebody may have sent such a unit, and was refused.
    supersedes: rows.map(({ id }) => id),
    rejected: [],
    setAside: [],
    gaps: found.gaps,
    filled: found.filled,
  });
  return { head: next, isComplete: found.isComplete };
}

interface FoundEvents {
  readonly head: LogHead;
  readonly events: readonly Notification[];
  readonly gaps: readonly IdGap[];
  readonly filled: readonly IdGap[];
  readonly lastId: NotificationId;
  readonly isComplete: boolean;
}

async function findEvents(transaction: LogTransaction, { head, maxId, filled }: LogStanding): Promise<FoundEvents> {
  const events: Notification[] = [];
  const gaps: IdGap[] = [];
  const looked: IdGap[] = [];
  let lastId = head.lastId;
  const ranges = maxId > head.lastId ? [...filled, { first: head.lastId + 1, last: maxId }] : filled;
  for (const range of ranges) {
    const left = EVENTS_AT_ONCE - events.length;
    if (left === 0) return { head, events, gaps, filled: looked, lastId, isComplete: false };
    const some = await transaction.events(range, left);
    for (const event of some) events.push(event);
    const isWhole = some.length < left;
    // What is not read yet of an old gap stays one; what is new is read from its end on.
    const isNew = range.first > head.lastId;
    const end = isNew && !isWhole ? (some.at(-1) as Notification).id : range.last;
    for (const gap of gapsBetween(some, { first: range.first, last: end })) gaps.push(gap);
    if (isNew) lastId = end;
    else looked.push(range);
    if (!isWhole) return { head, events, gaps, filled: looked, lastId, isComplete: false };
  }
  return { head, events, gaps, filled: looked, lastId, isComplete: true };
}

/** Ids of a range that no event has. */
export function gapsBetween(events: readonly { readonly id: NotificationId }[], { first, last }: IdGap): IdGap[] {
  const gaps: IdGap[] = [];
  let next = first;
  for (const { id } of events) {
    if (id > next) gaps.push({ first: next, last: id - 1 });
    next = id + 1;
  }
  if (next <= last) gaps.push({ first: next, last });
  return gaps;
}

async function toUnits(
  transaction: LogTransaction,
  { head, events }: FoundEvents,
  recordedAtMs: number,
): Promise<UnitRow[]> {
  const befores = await transaction.owners(events.map(placeBefore));
  const adopted = new Map<string, EditionId>();
  let { position, chain } = head;
  return events.map((notification, index): UnitRow => {
    const { id: lastId, ...event } = notification;
    const id = derivedUnitId(event);
    const unit: PlacedUnit = {
      id,
      events: [event],
      isCommutative: false,
      scopes: [],
      after: [adopted.get(keyOf(placeBefore(event))) ?? befores[index]],
      position: ++position,
    };
    adopted.set(keyOf(event), id);
    chain = nextChain(chain, unit);
    return toRow(unit, { lastId, chain, author: '', replicaId: '', recordedAtMs });
  });
}

/** A unit as its row. */
export function toRow(
  { events, ...unit }: PlacedUnit,
  rest: Pick<UnitRow, 'lastId' | 'chain' | 'author' | 'replicaId' | 'recordedAtMs'>,
): UnitRow {
  const bytes = events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0);
  return { ...unit, ...rest, count: events.length, bytes };
}

function placeBefore({ originatorId, originatorVersion }: EventPlace): EventPlace {
  return { originatorId, originatorVersion: originatorVersion - 1 };
}

function keyOf({ originatorId, originatorVersion }: EventPlace): string {
  return `${originatorVersion} ${originatorId}`;
}

function eventsGone({ head, maxId }: LogStanding): InternalError {
  return new InternalError(
    `The log has events up to ${head.lastId}, but the table of the events ends at ${maxId}: rows were deleted, or restored without the tables beside them. Nothing was changed. Bring the rows back, or restore all tables from one backup; devices bring back what came after it.`,
    { details: { lastId: head.lastId, maxId } },
  );
}
