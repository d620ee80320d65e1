/**
 * A recorder whose commits are durable before they are acknowledged: *check, journal, apply*.
 *
 * ```text
 * insertEvents ─▶ queue ─▶ check against the replica ─▶ one record ─▶ journal.append ─▶ apply ─▶ acknowledge
 *                             ▲                                            │
 *                             └──── catch up ◀──── position taken ◀────────┘
 * ```
 *
 * Commits that arrive while one is in flight form a group: one record, one transaction, an outcome for each
 * (`commit-queue.ts`). Transactions with the caller's own SQL take another way to the same record
 * (`own-transactions.ts`). Replica and journal are kept together by `journal-follower.ts`.
 *
 * Invariants:
 * 1. A commit resolves only after the journal said that its record is durable.
 * 2. The replica holds exactly the records 1 … `applied`, whole: a record is applied only after it is durable,
 *    so no reader ever sees a row that may still fail.
 * 3. Nothing that is not in the record influences what is applied: ids are given before the record is made.
 * 4. A record is appended at `applied + 1` only. If another tab was first, this one applies what that tab wrote
 *    and checks its own group again on the new state.
 * 5. The replica changes only inside `exclusive`, one piece of work at a time.
 * 6. A gap is never passed over. If the records that are missing were compacted away, a checkpoint holds them: its image
 *    takes the replica's place at once and whole, so that no reader sees a part of it.
 * 7. An image is taken inside `exclusive`, so it holds exactly the records 1 … `applied`.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { withPast } from '../past.js';
import type { PastEvents } from '../past.js';
import type { OwnTables, TransactionWork } from './own-tables.js';
import type {
  EditionRecorder,
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import { pastTablesOf } from './replica.js';
import type { Replica } from './replica.js';
import { SQLITE_DIALECT } from '../sql/sql-dialect.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import type { SqlResult } from '../sql/sql-queryable.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import {
  refuseUnit,
  validateApplicationName,
  validateDecidedOn,
  validateDurability,
  validateEvents,
  validateFunction,
  validateInteger,
  validateSelectEvents,
  validateSelectNotifications,
  validateStateSizes,
  validateTracking,
  validateUnit,
} from '../validation.js';
import type { AppendedCopy } from './appended-copy.js';
import type { CheckpointOutcome } from './checkpoints.js';
import { CommitQueue } from './commit-queue.js';
import { JournalFollower } from './journal-follower.js';
import type { JournalFollowerOptions } from './journal-follower.js';
import type { JournalCommit } from './journal-record.js';
import type { Durability } from './journal.js';
import type { OnOpenProgress } from './open-progress.js';
import { OwnTransactions } from './own-transactions.js';
import type { DurableTransactionOptions } from './own-transactions.js';
import { DurableUnits } from './durable-units.js';
import { unitMark } from './unit-mark.js';

export type { ReplicaImages } from './journal-follower.js';

const NOTHING: readonly JournalCommit[] = [
  { events: [], firstNotificationId: 0, tracking: undefined, changes: undefined, unit: undefined, sync: undefined },
];

/** Options of {@link DurableRecorder.insertEvents} beside those of every process recorder. */
export interface DurableInsertOptions extends InsertEventsOptions {
  /** The same events as `packEvents` makes them, if the caller has them so already. */
  readonly packedEvents?: Uint8Array;
  /**
   * What this commit survives, see {@link Durability}. Commits that are written together are as durable as the one that
   * asks for most.
   *
   * @defaultValue the journal's
   */
  readonly durability?: Durability;
}

/** What {@link DurableRecorder.open} needs. */
export interface DurableRecorderOptions extends JournalFollowerOptions {
  /** The caller's own tables in the replica's database. Without them there are no transactions and no queries. */
  readonly ownTables?: OwnTables;
  /** For how long readers wait for a transaction. @defaultValue the platform's */
  readonly clock?: Clock;
  /**
   * Asks the other tabs to {@link DurableRecorder.giveWay}: a transaction of this one is overtaken again and again. They
   * need not.
   */
  readonly askForWay?: (durationMs: number) => void;
  /** Told how far the opening is. */
  readonly onProgress?: OnOpenProgress;
}

/** Implements {@link SqlRecorder}, {@link EditionRecorder} and `UnitRecorder` durably, with a `Journal` below and a {@link Replica} to read from. */
export class DurableRecorder extends DurableUnits implements SqlRecorder, EditionRecorder {
  readonly supports: RecorderSupport;
  readonly dialect: SqlDialect = SQLITE_DIALECT;
  readonly #follower: JournalFollower;
  readonly #commits: CommitQueue;
  readonly #own: OwnTransactions;
  readonly #clock: Clock;
  #way: Promise<void> | undefined;

  private constructor(options: DurableRecorderOptions) {
    const { ownTables, clock = systemClock, askForWay } = options;
    const follower = new JournalFollower(options);
    super(follower, clock);
    this.#clock = clock;
    const hasTables = ownTables !== undefined;
    const units = options.replica.units !== undefined;
    this.supports = {
      ...{ notifications: true, tracking: true, transactions: hasTables, sql: hasTables },
      ...{ units, editions: units },
    };
    this.#follower = follower;
    this.#commits = new CommitQueue(this.#follower);
    this.#own = new OwnTransactions({ follower: this.#follower, ownTables, clock, askForWay });
  }

  /**
   * Brings the replica to the end of the journal: from the newest sound checkpoint, or from the start.
   *
   * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when a record is missing or damaged; the journal stays as it is
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote a record
   */
  static async open(options: DurableRecorderOptions): Promise<DurableRecorder> {
    const recorder = new DurableRecorder(options);
    await recorder.#follower.open(options.onProgress);
    return recorder;
  }

  /** The position of the last record that is applied. */
  get position(): number {
    return this.#follower.applied;
  }

  /** Whether commits or a transaction wait, or are in flight. */
  get isBusy(): boolean {
    return this.#commits.isBusy || this.#own.isOpen;
  }

  /** How much a checkpoint is needed: 1 and more means that it is due. */
  get checkpointNeed(): number {
    return this.#follower.checkpointNeed;
  }

  /**
   * Writes a checkpoint of what the replica holds now. Commits go on meanwhile; only taking the image makes them wait,
   * about as long as it takes to copy it. By one tab at a time: two do no harm, but the work is done twice.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails; the store is as it was
   * @throws InterfaceError (`INTERFACE_ERROR`) when the store is closed, or its replica cannot give images
   */
  async checkpoint(): Promise<CheckpointOutcome> {
    this.#follower.assertUsable();
    return await this.#follower.checkpoint();
  }

  /**
   * Takes an image of the replica as it is at one position, with every commit that was acknowledged before the call.
   *
   * @throws InterfaceError (`INTERFACE_ERROR`) when the store is closed, or its replica cannot give images
   */
  async image(): Promise<Uint8Array> {
    return await this.#follower.image();
  }

  /**
   * Deletes a part of the journal that checkpoints hold.
   *
   * @param limit - records to delete at most
   * @returns how many were deleted
   */
  async compact(limit: number): Promise<number> {
    this.#follower.assertUsable();
    return await this.#follower.compact(limit);
  }

  /**
   * Appends a record that says nothing, so that what was the last one can leave, and there is something to make a checkpoint of.
   *
   * @returns its position
   * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails
   */
  async appendNothing(): Promise<number> {
    this.#follower.assertUsable();
    return await this.#follower.exclusive(async () => {
      while ((await this.#follower.append(NOTHING, ['strict'], () => NOTHING)) !== 'appended');
      return this.position;
    });
  }

  /**
   * Takes a hint that the journal has grown. Only a hint: the journal itself is asked before anything is believed.
   *
   * @param position - a record that exists
   */
  noteHead(position: number): void {
    this.#follower.noteHead(position);
  }

  /** Has a copy kept of everything that this recorder appends from now on. */
  keepCopy(copy: AppendedCopy | undefined): void {
    this.#follower.copy = copy;
  }

  /** Records nothing for a while, so that another tab can: what is called meanwhile waits. */
  giveWay(durationMs: number): void {
    this.#way ??= this.#follower
      .exclusive(() => pause(this.#clock, durationMs, this.#follower.closing))
      .finally(() => (this.#way = undefined));
  }

  // The checks run before the first await, so that a refused call never enters the queue.
  async insertEvents(
    events: readonly StoredEvent[],
    options: DurableInsertOptions = {},
  ): Promise<readonly NotificationId[]> {
    this.#follower.assertUsable();
    validateEvents(events);
    validateStateSizes(events);
    const { packedEvents, tracking, durability, unit, decidedOn } = options;
    if (this.supports.units !== true) refuseUnit(options);
    if (unit !== undefined) validateUnit(unit);
    if (decidedOn !== undefined) validateDecidedOn(decidedOn);
    if (tracking !== undefined) validateTracking(tracking);
    validateDurability(durability);
    if (events.length === 0 && tracking === undefined) return [];
    return await this.#commits.add({ events, packedEvents, tracking, durability, unit: unitMark(unit), decidedOn });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    return await this.read((replica) => replica.selectEvents(originatorId, options));
  }

  async selectPast(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<PastEvents> {
    validateSelectEvents(originatorId, options);
    return await this.read((replica) =>
      withPast(pastTablesOf(replica), originatorId, replica.selectEvents(originatorId, options)),
    );
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    return await this.read((replica) => replica.selectNotifications(options));
  }

  async maxNotificationId(): Promise<NotificationId> {
    return await this.read((replica) => replica.maxNotificationId());
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    validateApplicationName(applicationName);
    return await this.read((replica) => replica.maxTrackingId(applicationName));
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    validateInteger('notificationId', notificationId, 1);
    return notificationId <= (await this.maxTrackingId(applicationName));
  }

  /**
   * As in `TransactionalRecorder`; and because other tabs may be first, the work may be run several times, each
   * time on a newer state, of which the last one counts. It must have no effect outside of the transaction.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason` `'idle'` when the work called nothing for too
   * long, `'overtaken'` when other tabs were first too often; nothing was stored, trying again may help
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the replica has no SQL
   */
  async transaction<T>(work: TransactionWork<T>, options: DurableTransactionOptions = {}): Promise<T> {
    this.#follower.assertUsable();
    validateFunction('work', work);
    validateDurability(options.durability);
    return await this.#own.run(work, options);
  }

  /**
   * Runs a statement that reads, outside of any transaction: it sees what is committed.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when it would write, or the replica has no SQL
   */
  async query(text: string, values: readonly unknown[] = []): Promise<SqlResult> {
    const { tables } = this.#own;
    return await this.read((replica) => {
      replica.flush?.();
      return tables.read(text, values);
    });
  }

  /**
   * Waits for what is in flight, then closes the journal. An open transaction is taken back. Later calls reject with
   * `InterfaceError`.
   */
  async close(): Promise<void> {
    this.#follower.beginClosing();
    while (this.#commits.isBusy) await this.#follower.exclusive(async () => undefined);
    await this.#follower.close();
  }

  protected override holds(text: string, values?: readonly unknown[]): boolean {
    const [row] = this.#own.tables.read(text, values).rows;
    return row !== undefined && Boolean(Object.values(row)[0]);
  }

  protected override async read<T>(read: (replica: Replica) => T): Promise<T> {
    for (;;) {
      this.#follower.assertUsable();
      if (this.#own.isOpen) await this.#own.whenClosed();
      else if (this.#follower.isBehind) await this.#follower.whenCurrent();
      // In the same step as the look: a transaction may begin in the next.
      else return read(this.#follower.replica);
    }
  }
}
