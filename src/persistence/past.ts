/**
 * What events stand on, where that may change.
 *
 * In a store that is synchronised, events may leave and others come before an event that stays, at the same version: what
 * commutes is moved up behind what others have recorded. So neither a version nor the event that has it says what was before
 * it. The edition of its unit does (`unit-edition.ts`): it is read with the events that something is decided on, and looked
 * at in the transaction of what was decided.
 *
 * @module
 */
import { pastChanged } from './position-taken.js';
import type { NotificationId, OriginatorId, StoredEvent } from './stored-event.js';
import type { EditionId } from './unit.js';

/** What an event stands in. */
export interface Past {
  readonly version: number;
  /** The same for the same past. */
  readonly edition: EditionId;
  /** Whether its unit was never moved: then nothing before it has changed either. */
  readonly isAsRecorded: boolean;
}

/** Events of one aggregate, and what they stand in. */
export interface PastEvents {
  readonly events: readonly StoredEvent[];
  /** Of the first event; undefined where there is none, or it is of the transaction that is under way. */
  readonly first: Past | undefined;
  /** Of the last event, likewise. */
  readonly last: Past | undefined;
}

/** What events of an aggregate were decided on: the last event that it had. */
export interface DecidedOn {
  readonly originatorId: OriginatorId;
  readonly version: number;
  /** The edition that this event stood in; or its local id, for whoever has recorded it as it is. */
  readonly edition: EditionId | NotificationId;
}

/** The last event of an aggregate that is there; its edition is undefined in the transaction that records it. */
export interface PlacedPast {
  readonly version: number;
  readonly id: NotificationId;
  readonly edition: EditionId | undefined;
  readonly isAsRecorded: boolean;
}

/** Tables that say so. */
export interface PastTables {
  /** The last event of an aggregate up to a version; undefined when there is none. */
  pastAt(originatorId: OriginatorId, upTo: number): PlacedPast | undefined;
}

/** Events of an aggregate with what they stand in. */
export function withPast(tables: PastTables, originatorId: OriginatorId, events: readonly StoredEvent[]): PastEvents {
  const pastOf = (event: StoredEvent | undefined): Past | undefined => {
    const past = event && tables.pastAt(originatorId, event.originatorVersion);
    if (past?.edition === undefined) return undefined;
    return { version: past.version, edition: past.edition, isAsRecorded: past.isAsRecorded };
  };
  const last = pastOf(events.at(-1));
  return { events, first: events.length === 1 ? last : pastOf(events[0]), last };
}

/**
 * Looks whether aggregates are what something was decided on.
 *
 * @throws IntegrityError (`INTEGRITY_ERROR`), `constraint: 'past'`, when one of them is not
 */
export function assertDecidedOn(tables: PastTables, decidedOn: readonly DecidedOn[]): void {
  for (const one of decidedOn) {
    const past = tables.pastAt(one.originatorId, Number.MAX_SAFE_INTEGER);
    const isSame =
      typeof one.edition === 'number' ? past?.id === one.edition && past.isAsRecorded : past?.edition === one.edition;
    if (past?.version !== one.version || !isSame) throw pastChanged(one.originatorId, one.version);
  }
}
