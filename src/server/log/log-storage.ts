/**
 * Where a log is kept: what tables, or a memory, do for {@link StoredUnitLog}. Nothing is decided there.
 *
 * Events stand in a sequence of their own, which others may write as well; beside it stands which unit they belong to.
 *
 * ```text
 * events   id 1  2  3  5  6  7 …                   as a recorder writes them; ids may have gaps
 * units    ├─ A ─┤  B  ├─ C ─┤                      id of its last event, count; the events of a unit have ids that follow
 * position       2  3        6                      counts the events of the units in their order: without gaps
 * gaps              4                               ids that were passed over: somebody may hold one, and commit it later
 * head     position 6, chain, last id 7
 * ```
 *
 * @module
 */
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import type { EditionId, LostUnit, PendingUnit, UnitId } from '../../persistence/unit.js';
import type { AggregateEnd, KnownUnit, PlacedUnit, Refusal } from './decide-units.js';
import type { LogPlace } from './log-chain.js';
import type { RefusedUnit } from './unit-log.js';

/** The end of a log. */
export interface LogHead extends LogPlace {
  /** The largest id of events that was looked at: larger ones are in no unit yet. */
  readonly lastId: NotificationId;
}

/** Ids that were passed over, both inclusive. */
export interface IdGap {
  readonly first: NotificationId;
  readonly last: NotificationId;
}

/** A log and its events, as they stand. */
export interface LogStanding {
  readonly head: LogHead;
  /** The largest id that an event has. */
  readonly maxId: NotificationId;
  /** Gaps in which there are events by now: of all, or of the newest and some others where there are very many. */
  readonly filled: readonly IdGap[];
  readonly waiting: Waiting;
}

/** A row of a unit. */
export interface UnitRow extends Omit<PlacedUnit, 'events'> {
  readonly count: number;
  /** The id of its last event. */
  readonly lastId: NotificationId;
  /** Of the topics and states of its events. */
  readonly bytes: number;
  /** The chain after it. */
  readonly chain: string;
  readonly author: string;
  readonly replicaId: string;
  readonly recordedAtMs: number;
}

/** A row of a unit that is refused for good. */
export interface RejectedRow extends Refusal {
  readonly id: UnitId;
  /** For the operator's list; absent where it is too large for that. */
  readonly unit?: PendingUnit;
  readonly author: string;
  readonly replicaId: string;
  readonly recordedAtMs: number;
}

/** A unit that was offered to a log which had lost it, and did not come back. */
export interface SetAsideRow extends Refusal {
  readonly unit: LostUnit;
  /** Who offered it first, and when. */
  readonly offeredBy: string;
  readonly offeredAtMs: number;
  /**
   * The edition that has to come first; `DUE` (waiting-offers.ts) where it is to be looked at now; absent where nothing is to
   * be done with it unasked.
   */
  readonly awaits?: EditionId | undefined;
}

/** Whether units that were set aside wait for something, and whether that has come for some. */
export type Waiting = 'none' | 'some' | 'due';

/** What leaves the list because it is too much, or too old. */
export interface RefusedPruning {
  /** Milliseconds since 1970: what was refused before it leaves. */
  readonly beforeMs: number;
  /** Of all units together. */
  readonly bytesMax: number;
}

/** What changes in one transaction, beside the events themselves. */
export interface LogChange {
  readonly head: LogHead;
  readonly units: readonly UnitRow[];
  /** Ids of refused units that are forgotten: these events are there, or the operator allows it. */
  readonly supersedes: readonly UnitId[];
  readonly rejected: readonly RejectedRow[];
  /** Units that leave the operator's list. */
  readonly discarded?: readonly UnitId[];
  readonly pruning?: RefusedPruning | undefined;
  readonly gaps: readonly IdGap[];
  readonly filled: readonly IdGap[];
  /** In the place of what is there of these units. */
  readonly setAside: readonly SetAsideRow[];
}

/** A place in an aggregate. */
export interface EventPlace {
  readonly originatorId: OriginatorId;
  readonly originatorVersion: number;
}

/** Reads what is committed, or what a transaction sees. */
export interface LogReader {
  known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>>;
  /** Events in the order of their ids. */
  events(range: IdGap, limit: number): Promise<readonly Notification[]>;
}

/** What pushes are about. */
export interface PushSubjects {
  readonly ids: readonly UnitId[];
  readonly aggregates: readonly OriginatorId[];
}

/** What concerns a push, except the position. */
export interface SeenUnits {
  readonly known: ReadonlyMap<UnitId, KnownUnit>;
  readonly ends: ReadonlyMap<OriginatorId, AggregateEnd>;
}

/** What pushes hope to find, all of which is new, and of which each unit stands where it was decided. */
export interface HopedUnits extends PushSubjects, SeenUnits {}

/** A transaction of a log, which nobody else writes to meanwhile, nor to its events. */
export interface LogTransaction extends LogReader {
  /**
   * How the log stands, once all who wrote before have ended; and what is seen then, where something is asked about, and
   * nothing is in the events that is in no unit yet.
   */
  lock(about?: PushSubjects): Promise<{ readonly standing: LogStanding; readonly seen?: SeenUnits | undefined }>;
  /**
   * Has it checked with what is recorded first, under the lock, that the log ends there, that nothing is in the events that
   * is in no unit yet, that nothing waits for others to come, and that all is as is hoped. When it is not, `record` rejects
   * with `NotAsHoped`, and the transaction is of no use any more. Gaps are not looked at: whoever looks next does.
   *
   * @returns whether that can be had; otherwise it has to be looked at
   * @defaultValue it is looked at
   */
  expect?(head: LogHead, hoped: HopedUnits): boolean;
  view(about: PushSubjects): Promise<SeenUnits>;
  /** The editions that hold events, in the order of the places; `undefined` where there is none. */
  owners(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]>;
  /** Records events. @returns their ids, in their order */
  record(events: readonly StoredEvent[]): Promise<readonly NotificationId[]>;
  /** Lets those who take part write what belongs to events that were recorded. @throws what they reject with */
  tell(events: readonly NotifiedEvent[]): Promise<void>;
  /** What is set aside of some units. */
  setAside(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, SetAsideRow>>;
  /** Units that come make due what awaits them. */
  change(change: LogChange): Promise<void>;
  /** Runs work in a transaction within this one: when it rejects, what it did is taken back, and nothing else. */
  within<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T>;
}

/** An aggregate, and its first version. */
export interface AggregateStart {
  readonly originatorId: OriginatorId;
  readonly first: number;
}

/** An event of an aggregate, and the unit that it is in. */
export interface PlacedVersion {
  readonly version: number;
  readonly row: UnitRow;
}

/** Where a log is kept. */
export interface LogStorage extends LogReader {
  /** Without waiting for those who write. */
  standing(): Promise<LogStanding>;
  /** The chain after the units that end at these positions. */
  chains(positions: readonly number[]): Promise<ReadonlyMap<number, string>>;
  /** Rows of units that end at a position or after it, in their order. */
  units(from: number, limit: number): Promise<readonly UnitRow[]>;
  /**
   * Rows of units that end at a position or after it; and the events of those after it, where these have fewer events than
   * rows are asked for, and fewer bytes than the limit: in one go, for those who are told of them.
   */
  news(
    from: number,
    limits: { readonly rows: number; readonly bytes: number },
  ): Promise<{ readonly rows: readonly UnitRow[]; readonly events: readonly Notification[] }>;
  /** The operator's list: what was refused, or set aside and is not in the log, in the order of the ids. */
  refused(after: UnitId, limit: number): Promise<readonly RefusedUnit[]>;
  /**
   * What is due of that which was set aside, and what awaits that, and so on: as many as the limits let, one at least, and in
   * no order.
   */
  due(limits: { readonly rows: number; readonly bytes: number }): Promise<readonly SetAsideRow[]>;
  /** Those of some that are in it. */
  refusedByIds(ids: readonly UnitId[]): Promise<readonly RefusedUnit[]>;
  /** Rows of units that have events of an aggregate after a version, up to another, in the order of these. */
  unitsOfAggregate(originatorId: OriginatorId, after: number, upTo: number, limit: number): Promise<readonly UnitRow[]>;
  /** Rows of the units that some events are of, by the ids of these; of those that are of none, nothing. */
  owners(ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, UnitRow>>;
  /** Aggregates that have events, in the order of their ids, after one of them. */
  aggregates(after: OriginatorId | undefined, limit: number): Promise<readonly AggregateStart[]>;
  /**
   * The events of aggregates from places on, each with its unit, in the order of their versions; of each aggregate up to the
   * limit. In the order of the places.
   */
  tails(places: readonly EventPlace[], limit: number): Promise<readonly (readonly PlacedVersion[])[]>;
  /** The editions that hold events, in the order of the places; `undefined` where there is none. */
  editions(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]>;
  /** Events of an aggregate in the order of their versions. */
  eventsOf(
    originatorId: OriginatorId,
    which: { readonly after: number; readonly upTo: number; readonly limit: number },
  ): Promise<readonly StoredEvent[]>;
  /** The events with ids in some ranges, in any order. */
  eventsIn(ranges: readonly IdGap[]): Promise<readonly Notification[]>;
  transaction<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T>;
}
