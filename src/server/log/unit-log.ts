/**
 * A server's log of units: what the layouts of tables have in common, and all that a server knows of them.
 *
 * @module
 */
import type { OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import type { ConfirmedUnit, Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import type { HealAnswer, PushAnswer, PushDecision } from '../../sync/protocol/index.js';

/** Who sends, as the server knows it. */
export interface Sender {
  /** The subject of the token; empty where everybody is let in. */
  readonly subject: string;
  readonly replicaId: string;
}

/** What was decided about a unit. Rejected with `OUT_OF_SCOPE` it is at present only, and nothing is kept of that. */
export type Decision =
  | (Extract<PushDecision, { readonly kind: 'accepted' }> & { readonly isNew: boolean })
  | Extract<PushDecision, { readonly kind: 'rejected' }>;

/** What came of a push: what the sender is told, and which units are new. */
export interface PushOutcome extends PushAnswer {
  readonly decisions: readonly Decision[];
}

/** Says no to a unit for good, before it is stored. @returns why; `undefined` for yes */
export type Authorize = (
  unit: PendingUnit,
  sender: Sender,
) => Promise<{ readonly code: string; readonly message: string } | undefined>;

/** Which units, and which events of them, somebody may see. */
export interface Visibility {
  /**
   * Identifies what is visible, as part of the cursor: with another one, other events would have to be there. 1 to 100
   * letters, digits, `_` and `-`: a hash, for example.
   */
  readonly id: string;
  /**
   * Whether an event may be seen. The same for all events of an aggregate: a device refuses a page in which versions of one
   * are missing (`DATA_ERROR`), and is `stuck` until it sees all of them, or none.
   */
  readonly isVisible: (unit: ConfirmedUnit, eventIndex: number) => boolean;
}

/** Options of {@link UnitLog.page}. */
export interface PageOptions {
  /** A page ends after as many, or after the unit in which they end. */
  readonly eventsMax: number;
  /** Likewise; of states and topics. */
  readonly bytesMax: number;
  /** @defaultValue everything is visible */
  readonly visibility?: Visibility | undefined;
  /**
   * What the log must have as well, whatever was visible there: who follows it once more holds more than it says to stand
   * at, and would let go of that for a log that was set back.
   *
   * @defaultValue nothing
   */
  readonly held?: readonly Cursor[] | undefined;
  /**
   * That whoever stands at the start takes parts of a bootstrap instead of pages: of which aggregates it needs all events,
   * because something of its own is about them. Where the log has no snapshots to begin with, it is given pages all the same.
   *
   * @defaultValue it takes pages
   */
  readonly bootstrap?: readonly OriginatorId[] | undefined;
}

/** Options of {@link UnitLog.news}. */
export interface NewsOptions extends Omit<PageOptions, 'held' | 'bootstrap'> {
  /** Up to where it is known. @defaultValue nothing is asked but where the log ends */
  readonly after?: Cursor | undefined;
  /** Where the log ends, as far as whoever asks knows. @defaultValue it knows nothing of that */
  readonly head?: number | undefined;
}

/** What is new in a log. */
export interface LogNews {
  /** Where the log ends. */
  readonly end: Cursor;
  /** The position of that. */
  readonly position: number;
  /** What follows, up to the end, where it is less than the limits, and would be given to who asks for it. */
  readonly page?: UnitPage | undefined;
}

/** Options of {@link UnitLog.history}. */
export interface HistoryOptions extends Pick<PageOptions, 'eventsMax' | 'bytesMax' | 'visibility'> {
  /** Only versions greater than this. */
  readonly after: number;
  /** And up to this. */
  readonly upTo: number;
}

/** A unit that did not come into a log. */
export interface RefusedUnit {
  readonly id: UnitId;
  /** `rejected`: it was refused when it was pushed. `offered`: the log has lost it, and it did not come back. */
  readonly kind: 'rejected' | 'offered';
  /** As it was sent; `undefined` where that is not kept (any more): it was too large, or too long ago. */
  readonly unit: PendingUnit | LostUnit | undefined;
  /**
   * Why: what the operator's code has said, or `VERSION_GAP`; of what was offered `CONFLICT`: something else stands in its
   * place, or what it stood on is not there; `PARTIAL`: a part of it was offered; `INVALID_REQUEST`: it could not be read;
   * `STOPPED`: nothing is taken back unasked.
   */
  readonly code: string;
  readonly message: string;
  /** Who has sent it, or was the first to offer it; empty where everybody was let in. */
  readonly subject: string;
  /** The store that sent it; empty of what was offered. */
  readonly replicaId: string;
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Which of them to read. */
export interface RefusedUnitsSelection {
  /** Only units after this id. @defaultValue all */
  readonly after?: UnitId | undefined;
  readonly limit: number;
}

/**
 * What came of allowing a unit. `forgotten`: it was refused, and its id is not known any more. `restored`: it was lost, and
 * is in the log again. `unfit`: it does not fit, and stays in the list.
 */
export interface AllowedUnit {
  readonly id: UnitId;
  readonly outcome: 'forgotten' | 'restored' | 'unfit';
}

/** A log of units in some tables. Every call is one transaction. */
export interface UnitLog {
  /**
   * Decides units in their order: accepts, rejects, or ends at the first conflict.
   *
   * @param authorize - asked of units that are not known yet, before a transaction is open
   * @param visibility - of the sender, who is answered `OUT_OF_SCOPE` about units of which it may see nothing, and about new
   *   ones of which it may not see all: no page would confirm them. Everything, when left out
   * @param follows - a unit that the sender has sent before these, and heard nothing of: what is new is a conflict while the
   *   log does not know that one from the same subject. Nothing, when left out
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database fails; the same push can be sent again
   */
  push(
    units: readonly PendingUnit[],
    sender: Sender,
    authorize?: Authorize,
    visibility?: Visibility,
    follows?: UnitId,
  ): Promise<PushOutcome>;

  /**
   * @returns the page; `undefined` when the log does not have, or not any more, what the cursor stands for, or what is held
   * @throws ScopesChangedError (`SCOPES_CHANGED`) when it has all that, and something else was visible at the cursor
   */
  page(after: Cursor, options: PageOptions): Promise<UnitPage | undefined>;

  /**
   * Says what is new, for those who are told of it unasked: what this process has committed a moment ago, or what it reads.
   * What others have recorded beside the log is not looked for.
   *
   * @defaultValue nobody is told more than where the log ends
   */
  news?(options: NewsOptions): Promise<LogNews>;

  /** The newest of some cursors that the log has, whatever was visible there; the start when it has none. */
  common(marks: readonly Cursor[]): Promise<Cursor>;

  /** Takes back units that the log has lost. */
  heal(units: readonly LostUnit[], sender: Sender): Promise<HealAnswer>;

  /**
   * Reads events of one aggregate that are in units of the log.
   *
   * @returns in the order of their versions, which follow each other; none where the log has none right after that version,
   *   or not all of what was read may be seen
   * @defaultValue a server over this log answers that it has none
   */
  history?(originatorId: OriginatorId, options: HistoryOptions): Promise<readonly StoredEvent[]>;

  /** The position of the end of the log. */
  head(): Promise<number>;

  /**
   * Reads something, without waiting for anybody who writes: for who asks whether the database works.
   *
   * @defaultValue `head` is asked
   */
  ping?(): Promise<unknown>;
}
