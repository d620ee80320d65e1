/**
 * Units: what is recorded by one commit, and is accepted by a server as a whole or not at all.
 *
 * A unit has a random id from its commit on, and keeps it wherever it goes, also when it is decided again. A server takes
 * an id once. That is all that "exactly once" rests on: whoever is not sure whether a unit arrived sends it again.
 *
 * @module
 */
import type { StoredSnapshot } from './snapshot-store.js';
import type { NotificationId, OriginatorId, StoredEvent } from './stored-event.js';

/** Identifies a unit: a UUID in canonical form. Secret until a server has it, so that nobody can take it before. */
export type UnitId = string;

/**
 * Names a unit in one form: as it was decided, in the places that its events were given. The unit's id, or, where it is not
 * as it was recorded any more, what follows from all that it says (`unit-edition.ts`).
 */
export type EditionId = string;

/**
 * A place in a server's log: its position, and a hash of everything up to it, so that a log which was set back or
 * exchanged is told from the one that it was. Opaque to everybody but the server: text, up to 200 characters.
 */
export type Cursor = string;

/** The cursor of who holds nothing yet. */
export const CURSOR_START: Cursor = '0';

/** The code of a unit that is about what its device may not see at present. No decision for good: scopes may come back. */
export const OUT_OF_SCOPE = 'OUT_OF_SCOPE';

/** Bytes that what decided a unit may take. */
export const COMMAND_BYTES_MAX = 1_048_576;

/** Scopes of a unit, and UTF-16 code units of each. */
export const UNIT_SCOPES_MAX = 20;
export const SCOPE_LENGTH_MAX = 200;

/** What a caller says of the unit that a commit makes. */
export interface UnitOptions {
  /** Its id, for who must know it before it is recorded. @defaultValue a random one */
  readonly id?: UnitId;
  /** As {@link Unit.isCommutative}. @defaultValue false */
  readonly isCommutative?: boolean;
  /** As {@link Unit.scopes}. @defaultValue none */
  readonly scopes?: readonly string[];
  /**
   * What decided it, for whoever decides it again when another event stands in its place: bytes that the store does not
   * read, up to 1 MiB. Stays on this device, until a page has confirmed the unit and a while longer. @defaultValue none
   */
  readonly command?: Uint8Array;
}

/** A commit's events, and what is said of all of them. */
export interface Unit {
  readonly id: UnitId;
  /** Its edition, where that is not its id: when its events were given other versions, or were decided again. */
  readonly edition?: EditionId | undefined;
  /** At least one, of any number of aggregates, in the order in which they were recorded. */
  readonly events: readonly StoredEvent[];
  /**
   * Whether its events mean the same after whatever others have recorded meanwhile (`Received 3`, and not `Counted 12`), so
   * that they may be given the next versions, by the server and here, until it is confirmed. Their states must not depend on
   * the version.
   */
  readonly isCommutative: boolean;
  /** Named scopes that the unit is for, beside what the server finds by itself. Up to 20, of 1 to 200 characters. */
  readonly scopes: readonly string[];
}

/** A unit that no page has confirmed. */
export interface PendingUnit extends Unit {
  /** Where the unit stands in the local sequence: the id of its first event; the others follow without gaps. */
  readonly firstNotificationId: NotificationId;
  /**
   * For each event that is the first of its aggregate in this unit, in the order of the events: the edition that holds the
   * version before, which is what it was decided on; `undefined` where there is no such version.
   */
  readonly after: readonly (EditionId | undefined)[];
}

/** Who recorded a unit and when, as the server says. */
export interface UnitOrigin {
  /** Subject that the server knew its sender by; empty when it let everybody in, or the unit was recorded beside it. */
  readonly author: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly recordedAtMs: number;
  /**
   * Proves to the server later that it has said all this: a MAC with a key that is not in its database. Empty where the
   * server has no such key; then nothing can be brought back to it.
   */
  readonly seal: Uint8Array;
}

/** Where a server has a unit, and what it says of it. */
export interface Confirmation {
  /** The position of its last event; a page, and a cursor, may end there. */
  readonly position: number;
  /** Events that the whole unit has; more than there are here where some are in scopes that this device may not see. */
  readonly total: number;
  readonly origin: UnitOrigin;
}

/** A unit as a page of a server's log has it. */
export interface ConfirmedUnit extends Unit, Confirmation {}

/** A unit that a server had confirmed, and has lost since. */
export interface LostUnit extends ConfirmedUnit {
  /**
   * As in a pending unit: it may come back where these still stand. Not in pages, where whoever holds the log before them
   * knows it; the seal covers it all the same.
   */
  readonly after: readonly (EditionId | undefined)[];
}

/** A part of a server's log: whole units, in its order. */
export interface UnitPage {
  /** Where it begins: what the reader has said it holds. */
  readonly from: Cursor;
  /** Where it ends. Equal to `from` when there is nothing new. */
  readonly to: Cursor;
  /** The position at `to`; of a part of a bootstrap, how many events of the log it is that were given, or stood for, by then. */
  readonly position: number;
  /** The position of the end of the log when it was read. */
  readonly head: number;
  readonly units: readonly ConfirmedUnit[];
  /** Of a page that is a part of a bootstrap. */
  readonly bootstrap?: BootstrapPart | undefined;
}

/** What stands for the first events of an aggregate. */
export interface AggregateBase {
  /** The last version that is not here. */
  readonly version: number;
  /** The edition that has it. */
  readonly edition: EditionId;
  /** Of all the events up to it (`history-digest.ts`). */
  readonly digest: string;
  /** Where the server's log has the event after it. */
  readonly position: number;
  /** The aggregate with that event. */
  readonly snapshot: StoredSnapshot;
}

/** An aggregate that a part of a bootstrap gives. */
export interface BootstrapAggregate {
  readonly originatorId: OriginatorId;
  /** Whether the part before has given the first of its events. */
  readonly continues: boolean;
  /** The last version that it gives, where the next part goes on with it. @defaultValue it gives all that there is */
  readonly upTo?: number | undefined;
  /** What stands for its first events. @defaultValue nothing: all of them come */
  readonly base?: AggregateBase | undefined;
}

/**
 * A part of a bootstrap: some aggregates as they are at one place of the log, the same in all parts. The units of the page
 * are whole; of their events those count that are of these aggregates.
 */
export interface BootstrapPart {
  /** Of that place. */
  readonly position: number;
  /** Whether it is the last one: then the page ends at that place. */
  readonly isEnd: boolean;
  readonly aggregates: readonly BootstrapAggregate[];
}

/** Aggregates in a part of a bootstrap, at most. */
export const BOOTSTRAP_AGGREGATES_MAX = 200;

/** Aggregates that a device may name of which it needs all events, at most. */
export const BOOTSTRAP_NAMED_MAX = 50;
