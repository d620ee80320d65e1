/**
 * What a recorder offers beside its role so that its store can be synchronised both ways.
 *
 * Rows of `stored_events` stay the one table that aggregates are read from: of each aggregate a confirmed prefix, then a
 * pending tail. Beside them stands which unit each belongs to, where a server has it, and what was set aside.
 *
 * ```text
 * commit ──▶ pending ──page──▶ confirmed ──rewind: the server has lost it──▶ lost ──endHeal──▶ pending (own), gone (others')
 *               │                                                                                  │
 *     ▲         └──refused, or another's event stands in its place──▶ set aside ◀──────────────────┘
 *     └───────────────────────────decided again──────────────────────────┤
 *                                                                        └──nothing to do any more──▶ withdrawn
 * lost ──page: the server has it again──▶ confirmed
 * ```
 *
 * Invariants:
 * 1. Every event belongs to one unit, and the events of a unit have ids that follow each other.
 * 2. A page, its cursor and what it confirms are one commit, of all tabs. So is every other call that changes something.
 * 3. Nothing that was recorded here leaves but to the units that were set aside, and nothing leaves those unasked.
 * 4. What gives way takes with it every later pending unit of an aggregate that it touches. Of all these, units of
 *    commutative events are *moved* instead of being set aside: they keep their ids, and get the next versions and another
 *    edition, in the order in which they were recorded. Not where nothing is left of what they followed, nor what a server
 *    has refused.
 * 5. So versions of an aggregate need not be in the order of its local ids, and an event may change its version until a
 *    page has confirmed it. Where a page has it at another version than this store, it is moved to that.
 * 6. What others have, and this store may not see any more, leaves with the page that does not show it: all events of an
 *    aggregate at once, so that none has a hole. What is pending of it is set aside (`OUT_OF_SCOPE`), and is pending again
 *    when the scopes have changed once more and it still stands on what is there.
 *
 * 7. What a page has confirmed may leave as {@link UnitRecorder.truncate} says: of an aggregate the first events, never the
 *    last that is confirmed, and never unasked. What stood before an event is known all the same.
 * 8. What a server has lost is offered to it before a page is stored, and stays in its place until the log was followed to
 *    its end: what has come back is recognised by the pages, as what is own is, and nothing gives way to it. Of the rest, what
 *    is own is pending again then, and what is of others leaves with what stands on it.
 *
 * @module
 */
import type { NotificationId, OriginatorId, StoredEvent } from './stored-event.js';
import type { StoredSnapshot } from './snapshot-store.js';
import type { AggregateBase, Cursor, EditionId, LostUnit, PendingUnit, Unit, UnitId, UnitPage } from './unit.js';

/** How far a store is synchronised. */
export interface SyncProgress {
  /** Where the store stands in the server's log. */
  readonly cursor: Cursor;
  readonly position: number;
  /**
   * Cursors where the store stood before, newest first, the start last: close to each other at the end, far apart before.
   * By them a server says where its log and this store part.
   */
  readonly marks: readonly Cursor[];
  /** Units and events that no page has confirmed, and which were not set aside. */
  readonly pendingUnits: number;
  readonly pendingEvents: number;
  /** Units that a server had confirmed and has lost, and which have not been offered to it yet. */
  readonly lostUnits: number;
  /**
   * How far the store had been, while it follows the log anew; otherwise empty. A server that does not have all of it was
   * set back meanwhile.
   */
  readonly held: readonly Cursor[];
  /** How often the store went back. What was offered to a server belongs to the last time. */
  readonly rewinds: number;
  readonly setAsideUnits: number;
  /**
   * While the store may take parts of a bootstrap: the aggregates that something of its own is about which is not confirmed, and
   * of which all events are to come therefore. Absent when it may not: something is confirmed here, or lost, or these are too many.
   */
  readonly bootstrap?: BootstrapProgress | undefined;
  /** Whether that is much, by the limits that the store was opened with. Absent where the recorder knows of none. */
  readonly backlog?: BacklogState;
}

/** How far a bootstrap is. */
export interface BootstrapProgress {
  /** Whether some of it is here. `position` says then how many events of the log that is, or stands for. */
  readonly isBegun: boolean;
  /** Up to 50. */
  readonly named: readonly OriginatorId[];
}

/** How much is pending: `high` from a limit on at which somebody wants to know it, `full` when recording is refused. */
export type BacklogState = 'normal' | 'high' | 'full';

/** Why a unit was set aside, as a code for programs and a text for people. */
export interface SetAsideReason {
  /**
   * `CONFLICT`: another event stands in its place; `DEPENDENCY`: it follows on one that was set aside; `LOST`: the server
   * has lost what it stood on; or the code that the server has refused it with, of which `OUT_OF_SCOPE` is no refusal for
   * good: this device may not see at present what it is about. `UNREADABLE`: the server could not read it, has kept nothing of it,
   * and may take it when one of the two is a newer version. `SUPERSEDED`: as `CONFLICT`, `DEPENDENCY` or `LOST`, and
   * somebody is going to decide it again. `APPLICATION_TOO_OLD` and `COMMAND_UNKNOWN`, of an `Application`: another release of
   * it decides it, when it runs here.
   */
  readonly code: string;
  readonly message: string;
}

/** A unit that is not in the log any more: readable, and waiting for somebody to decide what becomes of it. */
export interface SetAsideUnit extends Unit {
  /** The ids that its events had; they are not given again. */
  readonly firstNotificationId: NotificationId;
  readonly reason: SetAsideReason;
  /** Milliseconds since 1970. */
  readonly setAsideAtMs: number;
  /** What decided it, where that was kept. */
  readonly command?: Uint8Array | undefined;
  /** How often it was decided again. */
  readonly attempts: number;
  /** Whether a server keeps that it has refused it: it never takes its id any more. */
  readonly isRefused: boolean;
  /** Whether others have recorded it: it was lost with the server's log, which did not take it back. */
  readonly isForeign: boolean;
}

/** The reason of a unit that is set aside until it is decided again. */
export const SUPERSEDED = 'SUPERSEDED';

/** What was decided of a unit that is set aside. */
export interface DecidedUnit {
  readonly id: UnitId;
  /**
   * What it is now, at the versions that follow on what is there; none, when it has nothing to do any more: then it is
   * withdrawn. @defaultValue none
   */
  readonly events?: readonly StoredEvent[];
  /** As {@link Unit.isCommutative}. @defaultValue false */
  readonly isCommutative?: boolean;
  /**
   * Its id from now on, for one that a server has refused. Where a unit of this id is here already, it was tried again
   * before, and this one is withdrawn. @defaultValue it keeps its id
   */
  readonly as?: UnitId;
  /** What has decided it now; empty, when nothing did that could decide it again. @defaultValue what is kept of it stays */
  readonly command?: Uint8Array;
  /** Why it is not decided: it stays set aside, for this reason. */
  readonly reason?: SetAsideReason;
}

/** An aggregate that units are to be decided on. */
export interface SupersededAggregate {
  readonly originatorId: OriginatorId;
  /** Up to this version what is here stays as it is; -1 when nothing does. */
  readonly version: number;
  /** What stands after it, in its order. */
  readonly events: readonly StoredEvent[];
}

/** Units that are to be decided again, and on what. */
export interface Superseded {
  /** In the order in which they were recorded. Of many, the first. */
  readonly units: readonly SetAsideUnit[];
  /** The aggregates of their events. */
  readonly aggregates: readonly SupersededAggregate[];
  /** Whether there are more: they are to be decided after these. */
  readonly hasMore: boolean;
}

/** How units are decided again. */
export interface DecideAgainOptions {
  /** Those that are not decided any more, and why: they are set aside for that. @defaultValue none */
  readonly givenUp?: ReadonlyMap<UnitId, SetAsideReason> | undefined;
}

/** Where a unit stands: everything that may become of a commit. */
export interface UnitStanding {
  readonly id: UnitId;
  /** The id that its first event has here, or had when it was set aside. */
  readonly firstNotificationId: NotificationId;
  /**
   * - `pending`: no page has confirmed it
   * - `confirmed`: the server has it, as a page has said
   * - `lost`: the server had it, and has lost it since; it is being brought back
   * - `setAside`: it is not in the log any more, and waits for somebody to decide
   * - `withdrawn`: it was decided again, and had nothing to do any more
   * - `left`: the server has it, as a page has said, and this device may not see it any more; or it was decided again, and has
   *   left with other history
   * - `discarded`: it was set aside, and was given up
   *
   * The last three are kept for 30 days, and until the same has become of a unit that was recorded 10,000 events later:
   * then the unit is unknown.
   */
  readonly state: 'pending' | 'confirmed' | 'lost' | 'setAside' | 'withdrawn' | 'left' | 'discarded';
  /** In the server's log, of its last event; undefined unless the server has it, or had. */
  readonly position: number | undefined;
  /** Undefined unless it was set aside, or withdrawn. */
  readonly reason: SetAsideReason | undefined;
}

/** Units that are asked for at once, at most. */
export const UNITS_FOUND_MAX = 1_000;

/** What became of a page. */
export interface PageOutcome {
  /** Whether it was stored; not, when the store stands elsewhere by now: another tab was first. */
  readonly isStored: boolean;
  /** Own units that it has confirmed. */
  readonly confirmed: readonly UnitId[];
  /** Units that gave way to it, and were not moved. */
  readonly setAside: readonly UnitId[];
  /** Events of others that it has added. */
  readonly addedEvents: number;
  /** What is to be decided before it is stored, where that was asked for. */
  readonly superseded?: Superseded | undefined;
}

/** What {@link UnitRecorder.endHeal} is told. */
export interface EndOfHealing {
  /** `rewinds` as it was when the first lost unit was read: what was lost after it has not been offered. */
  readonly rewinds: number;
  /** Units that the server did not take back, and does not have: those of others are set aside too, because nobody may have them. */
  readonly refused: readonly UnitId[];
  /**
   * What becomes of own units that stand on what leaves and have their commands. `setAside`: they wait for somebody, as those
   * without one do. `defer`: they are {@link SUPERSEDED}, and are to be decided on what the log has now. Not those of an
   * aggregate whose first events have left this store, and are lost: others may bring these back, and would find their places
   * taken.
   *
   * @defaultValue `'setAside'`
   */
  readonly superseding?: 'setAside' | 'defer';
}

/** What is to leave of an aggregate: everything before the version of the snapshot. The event of that version stays. */
export interface Truncation {
  /** Of an aggregate that stays so when nothing is left to make it of. */
  readonly snapshot: StoredSnapshot;
  /** The edition that had the version of the snapshot when that was made. */
  readonly anchor: EditionId;
  /** Of the events that leave (`history-digest.ts`): the server has said the same. */
  readonly digest: string;
}

/** Aggregates that are truncated at once, at most. */
export const TRUNCATIONS_MAX = 100;

/** Options of {@link UnitRecorder.truncate}. */
export interface TruncateOptions {
  /** No event with a larger local id leaves, and no aggregate in part. @defaultValue no bound */
  readonly upTo?: NotificationId;
  /**
   * Statements that read, each of which gives a first value that is true when it is done, or nothing leaves: of followers,
   * say, whose positions are in tables beside the events. @defaultValue none
   */
  readonly provided?: readonly { readonly text: string; readonly values?: readonly unknown[] }[];
}

/** How much is read at once. */
export interface UnitLimits {
  /** At least one unit is given, however large. */
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** Units that are decided again at once, at most. */
export const SUPERSEDED_UNITS_MAX = 1_000;

/** Options of {@link UnitRecorder.insertPage}. */
export interface InsertPageOptions {
  /**
   * Whether of others only what they have recorded on aggregates that are here is kept. The rest of the page is passed over
   * for good: it does not come again.
   *
   * @defaultValue false: all of it is kept
   */
  readonly ownOnly?: boolean;
  /**
   * What becomes of units that give way, and what they stand on. `setAside`: they wait for somebody. `defer`: likewise, as
   * {@link SUPERSEDED}. `decide`: where there are some, or have been since a page was stored, nothing is stored, and the
   * outcome says what they are to be decided on.
   *
   * @defaultValue `'setAside'`
   */
  readonly superseding?: 'setAside' | 'defer' | 'decide';
  /**
   * What was decided of all that `superseded` said: in one commit with the page. Where it does not fit, because something
   * was recorded meanwhile, nothing is stored.
   */
  readonly decided?: readonly DecidedUnit[];
  /**
   * What came of offering all that is lost, as {@link UnitRecorder.endHeal} will be told at the end of the log. Until then what
   * is lost stays in its place and is recognised, own and others', so that what stands on it does not give way in vain.
   *
   * @defaultValue nothing was offered: while something is lost, no page is stored
   */
  readonly offered?: EndOfHealing;
}

/** A recorder whose events belong to units. `supports.units` says so. */
export interface UnitRecorder {
  /** Reads how far the store is. */
  syncProgress(): Promise<SyncProgress>;

  /**
   * Reads units that no page has confirmed, in the order in which they were recorded.
   *
   * @param after - only units after this local id; 0 for all
   */
  selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]>;

  /**
   * Stores a page: adds what is new, confirms what is own, moves or sets aside what is in its way, lets go of what may not be
   * seen any more, and moves the cursor. After the end of the log is reached, what was `OUT_OF_SCOPE` and is not is pending
   * again.
   *
   * A part of a bootstrap is stored where it follows on the one before, or in a store in which nothing is confirmed, and
   * everything of its own that is not is about aggregates of that part.
   *
   * @throws DataError (`DATA_ERROR`) when the page cannot be what a server has: a version does not follow the one before
   */
  insertPage(page: UnitPage, options?: InsertPageOptions): Promise<PageOutcome>;

  /** Sets aside pending units that a server has refused for good, with what builds on them. @returns all of them */
  setAside(refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[]): Promise<readonly UnitId[]>;

  /**
   * Goes back to an earlier place of the log: what was confirmed after it is lost until it is confirmed again.
   *
   * @param cursor - the start, or one of the marks
   * @returns whether it was done; not, when that is no mark any more, because another tab was first
   */
  rewind(cursor: Cursor): Promise<boolean>;

  /**
   * Goes back to the start of the log because this store may see another part of it by now, and keeps all that it has
   * meanwhile: pages show what of it is to stay, up to where the store stood before.
   *
   * @param asked - where it stood when that was said
   * @returns whether it does so; not, when it stands elsewhere by now, because another tab was first
   */
  followAnew(asked: Cursor): Promise<boolean>;

  /** Reads lost units, own and others', in the order of their old positions. @param after - an old position; 0 for all */
  selectLostUnits(after: number, limits: UnitLimits): Promise<readonly LostUnit[]>;

  /**
   * Ends healing, after all that is lost was offered and the log was followed to its end: own units are pending again, those
   * of others leave the store with what was built on them: which is moved, set aside, or waits to be decided again.
   *
   * @returns whether it was done; not, when the store went back again meanwhile: then more is lost than was offered
   */
  endHeal(healing: EndOfHealing): Promise<boolean>;

  /** Reads what was set aside, in the order of the ids. @param after - only units after this local id; 0 for all */
  selectSetAside(after: NotificationId, limits: UnitLimits): Promise<readonly SetAsideUnit[]>;

  /**
   * Reads units that are to be decided again, and what they stand on, as long as no page has more of that.
   *
   * @param ids - which of those that are set aside. @defaultValue those that are {@link SUPERSEDED}
   */
  selectSuperseded(ids?: readonly UnitId[]): Promise<Superseded>;

  /**
   * Takes what was decided of units that are set aside: all of it, or nothing.
   *
   * @returns whether it was done; not, when one of them is not set aside any more, or does not follow on what is there
   */
  decide(decided: readonly DecidedUnit[]): Promise<boolean>;

  /** Gives up units that are set aside. What was recorded is gone then. @returns those that were there */
  discardSetAside(ids: readonly UnitId[]): Promise<readonly UnitId[]>;

  /**
   * Lets first events of aggregates leave, for good. Not those of an aggregate that has anything pending among them, or
   * whose snapshot is not of the past that is here; and none while the store heals or follows the log anew.
   *
   * @param truncations - up to {@link TRUNCATIONS_MAX}, each of an aggregate of its own
   * @returns the aggregates of which something has left
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when one is not what it should be
   * @throws NotSupportedError (`NOT_SUPPORTED`) when something is `provided`, and the recorder has no SQL
   */
  truncate(truncations: readonly Truncation[], options?: TruncateOptions): Promise<readonly OriginatorId[]>;

  /** What stands for events of an aggregate that have left; `undefined` where none has. */
  selectBase(originatorId: OriginatorId): Promise<AggregateBase | undefined>;

  /**
   * Finds units by their ids, or by the id that an event of theirs has here, or had when it was set aside.
   *
   * @param keys - up to {@link UNITS_FOUND_MAX}
   * @returns for each key in its order; undefined where no unit is known by it
   */
  findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]>;
}

/** The calls by which events come, go, or become others. */
export type UnitChanges = Pick<UnitRecorder, 'insertPage' | 'setAside' | 'decide' | 'endHeal'>;
