/**
 * What the worker offers to the main thread. Pages of events cross as one transferred buffer each.
 *
 * @module
 */
import type { ErrorData } from '../../domain/error-codec.js';
import type { ChangeListener } from '../../persistence/store-changes.js';
import type { OnOpenProgress } from '../../persistence/journal/open-progress.js';
import type { StoreIdentity } from '../../persistence/journal/store-identity.js';
import type { DecidedOn, PastEvents } from '../../persistence/past.js';
import type { RebaseTransaction } from '../../persistence/rebase-transaction.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../../persistence/recorder.js';
import type { SqlResult } from '../../persistence/sql/sql-queryable.js';
import type { NotificationId, OriginatorId, Tracking } from '../../persistence/stored-event.js';
import type { AggregateBase, Cursor, UnitId, UnitOptions } from '../../persistence/unit.js';
import type {
  DecidedUnit,
  Superseded,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  SyncProgress,
  TruncateOptions,
  Truncation,
  UnitLimits,
  UnitStanding,
} from '../../persistence/unit-recorder.js';
import type { WorkerHost } from './worker-host.js';

/** Options that the worker needs to open a store. */
export interface HostOpenOptions {
  readonly name: string;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the worker's script */
  readonly wasmUrl: string | undefined;
  /** What an acknowledged commit survives. @defaultValue `strict` */
  readonly durability?: 'strict' | 'relaxed' | undefined;
  /** How much may be pending. @defaultValue any number */
  readonly backlog?: BacklogLimits | undefined;
  /** What the page knows of the store. @defaultValue nothing, as in a worker */
  readonly expected?: ExpectedStore | undefined;
}

/** How much may be recorded here and be confirmed by no server. Of a store that is not synchronised, that is everything. */
export interface BacklogLimits {
  /**
   * Units from which on it is much: `SyncStatus.backlog` is `high`. A unit is what one commit has recorded.
   *
   * @defaultValue 50 000, or four fifths of `maxUnits` where that is less
   */
  readonly warnUnits?: number;
  /**
   * Units that may be pending in this tab's view; recording more is refused (`BACKLOG_FULL`), before anything is stored. What
   * comes from the server is never refused. Tabs may differ.
   *
   * @defaultValue none: what people do is recorded as long as there is room
   */
  readonly maxUnits?: number;
}

/** What a page knows of a store that it opens. */
export interface ExpectedStore {
  /** The `replicaId` of the store that was there, if there was one. */
  readonly replicaId: string | undefined;
  /** When the opening began. Of several tabs that open at once each learns of a loss by it. */
  readonly startedAtMs: number;
}

/**
 * What was brought back of a store that the browser has lost, from files beside it. What it says nothing of was confirmed by
 * a server, and comes from there.
 */
export interface RestoredStore {
  /** The `replicaId` of the store that was lost. */
  readonly replicaId: string;
  /**
   * Units and events that were found. Those that stand on confirmed ones come back when these have come. Of tabs that open at
   * once, one that comes later may find fewer: the others were first, and have brought them back.
   */
  readonly units: number;
  readonly events: number;
  /** Where it was in the server's log, and its largest id, as far as is known. */
  readonly position: number | undefined;
  readonly largestId: NotificationId | undefined;
}

/** What an opening comes to. */
export interface HostOpening {
  readonly identity: StoreIdentity;
  /** Of a store that has taken the place of one that was lost, if nobody was told yet, or all of this was a moment ago. */
  readonly restored: RestoredStore | undefined;
}

/** How the copy of what no server has confirmed stands: files beside the store, for when a browser loses it. */
export interface RescueReport {
  /**
   * `off`: the store has not been synchronised. `on`: what this tab records is in the files before it is acknowledged.
   * `incomplete`: some of it is not, for want of room. `unavailable`: this browser has no files for it (a private window,
   * an insecure page), or they are refused.
   */
  readonly state: 'off' | 'on' | 'incomplete' | 'unavailable';
  /**
   * Why it is unavailable, or what is missing of a store that came back after the opening, in words; `undefined` where
   * neither is so, or the browser has no such files.
   */
  readonly failure: string | undefined;
  /** Bytes in this tab's file. */
  readonly bytes: number;
  /** Units of a store that was lost, which wait for what they stand on to come from the server. */
  readonly waitingUnits: number;
}

/** Options that the worker needs to record events. */
export interface HostInsertOptions {
  readonly tracking: Tracking | undefined;
  /** @defaultValue the store's */
  readonly durability: 'strict' | 'relaxed' | undefined;
  readonly unit: UnitOptions | undefined;
  readonly decidedOn: readonly DecidedOn[] | undefined;
  readonly token: number | undefined;
}

/** As `PastEvents`, with the events as `packEvents` makes them. */
export interface PackedPast extends Omit<PastEvents, 'events'> {
  readonly packedEvents: Uint8Array;
}

/** Options that the worker needs to begin a transaction. */
export interface HostTransactionOptions {
  /** @defaultValue the store's */
  readonly durability?: 'strict' | 'relaxed';
}

/** How a transaction ended; or that it is to be run again, under another token. */
export type TransactionEnd =
  { readonly outcome: 'committed' } | { readonly outcome: 'run-again'; readonly token: number };

/** What the worker says of a store's state, at one moment. */
export interface HostReport {
  /** Events in the store. */
  readonly events: number;
  /** The largest notification id, or 0. */
  readonly largestId: NotificationId;
  /**
   * Events that no server has confirmed, as far as this store knows: all of them in one that was never pushed. Without what
   * was set aside.
   */
  readonly unsyncedEvents: number;
  /** Units that a server had confirmed, has lost, and has not been offered yet. */
  readonly lostUnits: number;
  /** Units that gave way to others' or were refused, and wait for somebody to decide. */
  readonly setAsideUnits: number;
  /** Journal records that this tab's replica holds. One record is one commit, or several that came together. */
  readonly position: number;
  /** Journal records that opening the store has to replay, beside reading the newest checkpoint. */
  readonly recordsSinceCheckpoint: number;
  /**
   * Why the last checkpoint could not be written, in words; `undefined` when it could. Nothing is lost by it, but
   * opening takes longer and the journal grows until one succeeds.
   */
  readonly checkpointFailure: string | undefined;
  /** The copy of what no server has confirmed. */
  readonly rescue: RescueReport;
}

/** @param restored - what was brought back of a store that was lost, where that was done since the opening */
export type OnHostRecorded = (restored?: RestoredStore) => void;

/** What several calls are made for at once: it reads, and belongs to no transaction. */
export type HostReadName =
  | 'query'
  | 'selectEvents'
  | 'selectPast'
  | 'selectNotifications'
  | 'maxNotificationId'
  | 'maxTrackingId'
  | 'selectSetAside'
  | 'findUnits';

/** A call that reads. */
export type HostRead = readonly [name: HostReadName, given: readonly unknown[]];

/** What became of it. */
export type HostReadOutcome = { readonly value: unknown } | { readonly error: ErrorData };

/**
 * The worker's side of the conversation. One store for each worker. Where a token is given, a call belongs to that
 * transaction.
 */
export interface StoreHost extends WorkerHost {
  /**
   * @param onProgress - a Comlink proxy, as the others are
   * @returns who the store is, and what was brought back
   */
  open(options: HostOpenOptions, onProgress?: OnOpenProgress): Promise<HostOpening>;
  /** @param packedEvents - as `packEvents` makes them */
  insertEvents(packedEvents: Uint8Array, options: HostInsertOptions): Promise<readonly NotificationId[]>;
  /** @returns as `packEvents` makes them */
  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions, token?: number): Promise<Uint8Array>;
  selectPast(originatorId: OriginatorId, options: SelectEventsOptions, token?: number): Promise<PackedPast>;
  /** @returns as `packNotifications` makes them */
  selectNotifications(options: SelectNotificationsOptions, token?: number): Promise<Uint8Array>;
  maxNotificationId(token?: number): Promise<NotificationId>;
  maxTrackingId(applicationName: string, token?: number): Promise<NotificationId>;
  /** Runs a statement: outside of a transaction, one that reads. */
  query(text: string, values: readonly unknown[], token?: number): Promise<SqlResult>;
  /**
   * Begins a transaction, or inside of one a savepoint.
   *
   * @returns its token, when its turn has come
   */
  beginTransaction(token: number | undefined, options: HostTransactionOptions): Promise<number>;
  commitTransaction(token: number): Promise<TransactionEnd>;
  /** @throws why the transaction had ended before, if it had */
  rollBackTransaction(token: number): Promise<void>;
  syncProgress(): Promise<SyncProgress>;
  /** @returns as `packPendingUnits` makes them */
  selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<Uint8Array>;
  /** @param packedPage - as `packPage` makes it */
  insertPage(packedPage: Uint8Array, options?: InsertPageOptions): Promise<PageOutcome>;
  setAside(refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[]): Promise<readonly UnitId[]>;
  rewind(cursor: Cursor): Promise<boolean>;
  followAnew(asked: Cursor): Promise<boolean>;
  /** @returns as `packLostUnits` makes them */
  selectLostUnits(after: number, limits: UnitLimits): Promise<Uint8Array>;
  endHeal(healing: EndOfHealing): Promise<boolean>;
  /** These are few, and cross as they are. */
  selectSetAside(after: NotificationId, limits: UnitLimits): Promise<readonly SetAsideUnit[]>;
  selectSuperseded(ids?: readonly UnitId[]): Promise<Superseded>;
  decide(decided: readonly DecidedUnit[]): Promise<boolean>;
  discardSetAside(ids: readonly UnitId[]): Promise<readonly UnitId[]>;
  /** As `UnitRecorder.truncate`. */
  truncate(truncations: readonly Truncation[], options?: TruncateOptions): Promise<readonly OriginatorId[]>;
  selectBase(originatorId: OriginatorId): Promise<AggregateBase | undefined>;
  findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]>;
  /** Calls what `RecorderTransaction.rebase` of a transaction has: with what it takes, and it gives what that gives. */
  rebase(token: number, name: keyof RebaseTransaction, given: readonly unknown[]): Promise<never>;
  report(): Promise<HostReport>;
  /** Has what was deleted leave the storage. */
  eraseDeleted(): Promise<void>;
  /** Looks whether other tabs have recorded something that nobody told of. */
  refresh(): Promise<void>;
  /** Calls the listener, a Comlink proxy, whenever something was recorded, by any tab. There is one listener. */
  onRecorded(listener: OnHostRecorded): void;
  /** Calls a listener, a Comlink proxy, with what was written, by any tab. */
  onChanged(listener: ChangeListener): Promise<void>;
  /**
   * Runs several calls that read, in one crossing.
   *
   * @returns of each, in their order, what it gave, or what it was rejected with
   */
  readTogether(calls: readonly HostRead[]): Promise<readonly HostReadOutcome[]>;
  /** Waits for what is in flight, then closes. */
  close(): Promise<void>;
}
